//! Imports, and addresses that an import skips.

use crate::domain::subscriber::SubscriberState;
use crate::web::admin::tests::subscribers::{LIST, rows, state, until, waiting};
use crate::web::admin::tests::*;

const BOUNDARY: &str = "----broadsheet";

/// Regression of another tool, listmonk #1315: unsubscribed addresses shown as imported.
#[tokio::test]
async fn unsubscribed_address_is_skipped_until_signup() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let reader = app.site.confirmed("eve@example.org").await;
    let page = format!("{LIST}/many?do=unsubscribe&id={}", reader.id);
    let ask = ada.get(&page).await;
    assert!(ask.contains("Unsubscribe 1 subscriber?") && ask.contains("eve@example.org"));
    let id = reader.id.to_string();
    let fields = [("do", "unsubscribe"), ("id", id.as_str())];
    let answer = ada
        .submit_form(&page, &format!("{LIST}/many"), &fields)
        .await;
    assert_eq!(answer.to(), "/admin/subscribers?done=unsubscribed");
    assert_eq!(
        state(&app, "eve@example.org").await,
        Some(SubscriberState::Unsubscribed)
    );

    let add = [("email", "EVE@example.org"), ("source", "meeting")];
    let answer = ada.submit_form(LIST, LIST, &add).await;
    let page = ada.get(answer.to()).await;
    assert!(page.contains("Not added: this address unsubscribed") && !page.contains("Added."));
    let upload = import(&mut ada, "email\neve@example.org\n", "no").await;
    let page = until(&mut ada, upload.to(), "Summary</h2>").await;
    assert!(
        page.contains("Skipped: these addresses unsubscribed")
            && !page.contains("value=\"import\"")
    );
    assert_eq!(
        state(&app, "eve@example.org").await,
        Some(SubscriberState::Unsubscribed)
    );

    waiting(&app, "eve@example.org").await;
    let reader = app.site.reader("eve@example.org").await.unwrap();
    let web = &app.site.web;
    let expires = app.site.now().plus(Duration::from_secs(3600));
    let token = web
        .keys
        .confirmation_token(&reader.id, &reader.nonce, expires);
    app.site.post(&format!("/confirm/{token}"), "").await;
    let page = ada.get(&format!("{LIST}?state=confirmed")).await;
    assert!(page.contains("eve@example.org") && rows(&page) == 1);
}

/// Uploads a file.
async fn import(ada: &mut AdminClient<'_>, file: &str, ask: &str) -> TestResponse {
    let csrf = ada
        .get(&format!("{LIST}/import"))
        .await
        .field("csrf")
        .to_owned();
    upload(
        ada,
        &[
            ("csrf", &csrf),
            ("source", "the shop"),
            ("ask", ask),
            ("file", file),
        ],
    )
    .await
}

fn kept_files(app: &AdminTestApp) -> usize {
    let folder = app.site.web.list_work.upload_folder.clone();
    std::fs::read_dir(folder).unwrap().count()
}

async fn upload(ada: &mut AdminClient<'_>, fields: &[(&str, &str)]) -> TestResponse {
    let mut body = String::new();
    for (name, value) in fields {
        let file = if *name == "file" {
            "; filename=\"readers.csv\""
        } else {
            ""
        };
        body += &format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n"
        );
    }
    body += &format!("--{BOUNDARY}--\r\n");
    let kind = format!("multipart/form-data; boundary={BOUNDARY}");
    let request = Request::post(format!("{LIST}/import"))
        .header(header::CONTENT_TYPE, kind)
        .header("origin", "https://news.example.com");
    ada.ask(request, Body::from(body)).await
}

#[tokio::test]
async fn import_is_checked_before_it_changes_anything() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    app.site.confirmed("known@example.org").await;
    let mut file = "Name,E-Mail\n".to_owned();
    for n in 0..6_000 {
        file += &format!("R,r{n}@example.org\n");
    }
    file += "K,known@example.org\nR,R1@EXAMPLE.org\nX,nobody\n,\"a b\"@c\n";
    let answer = import(&mut ada, &file, "no").await;
    let path = answer.to().to_owned();
    let page = until(&mut ada, &path, "Summary</h2>").await;
    assert!(page.contains("Import 6,000 subscribers</button>"));
    assert!(
        page.contains("<th scope=\"row\">6,004</th>"),
        "{}",
        page.body
    );
    assert!(page.contains("readers.csv") && page.contains("the shop"));
    assert_eq!(
        state(&app, "r1@example.org").await,
        None,
        "nothing is done yet"
    );
    assert_eq!(kept_files(&app), 1, "it is still needed");
    ada.submit_form(&path, &path, &[("action", "import")]).await;
    let page = until(&mut ada, &path, "● Done").await;
    assert!(page.contains("6,000</dd>") && page.contains(">2</dd>"));
    assert_eq!(kept_files(&app), 0, "addresses stay no longer than needed");
    let again = ada.submit_form(LIST, &path, &[("action", "import")]).await;
    assert_eq!(again.to(), path, "a second click changes nothing");
    assert!(ada.get(LIST).await.contains("6,001 active subscribers"));
    ada.submit_form(LIST, &path, &[("action", "discard")]).await;
    assert_eq!(ada.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn unconfirmed_import_is_purged_after_a_day() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let answer = import(&mut ada, "email\nreader@example.org\n", "no").await;
    let path = answer.to().to_owned();
    until(&mut ada, &path, "Summary</h2>").await;
    let lists = &app.site.web.list_work;
    app.site.clock.advance(Duration::from_secs(23 * 3600));
    lists.purge_abandoned(app.site.now());
    assert_eq!(kept_files(&app), 1, "the file is kept for a day");
    app.site.clock.advance(Duration::from_secs(3600));
    lists.purge_abandoned(app.site.now());
    assert_eq!(kept_files(&app), 0);
    assert_eq!(ada.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn pasted_addresses_get_confirmation_if_selected() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let csrf = ada.get(LIST).await.field("csrf").to_owned();
    let pasted = "Ada <ada@example.org>, bob@example.org\nnobody at all\n";
    let fields = [
        ("csrf", csrf.as_str()),
        ("source", "the shop"),
        ("ask", "yes"),
        ("pasted", pasted),
    ];
    let path = upload(&mut ada, &fields).await.to().to_owned();
    let page = until(&mut ada, &path, "Summary</h2>").await;
    assert!(
        page.contains("Import 2 subscribers</button>")
            && page.contains("Each of them will get a confirmation email")
    );
    assert!(
        page.contains("<th scope=\"row\">3</th>"),
        "the third of what was pasted"
    );
    ada.submit_form(&path, &path, &[("action", "import")]).await;
    until(&mut ada, &path, "● Done").await;
    assert_eq!(
        state(&app, "bob@example.org").await,
        Some(SubscriberState::Pending)
    );
    assert_eq!(app.site.deliveries().await.len(), 2);
}

#[tokio::test]
async fn invalid_upload_is_rejected_with_reason() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    let csrf = ada.get(LIST).await.field("csrf").to_owned();
    let with = |more: &[(&'static str, &'static str)]| {
        let mut fields = vec![("csrf", csrf.as_str())];
        fields.extend_from_slice(more);
        fields
    };
    for (fields, words) in [
        (with(&[("source", "shop")]), "Choose a file, or paste"),
        (
            with(&[("file", "email\na@x.com"), ("source", " ")]),
            "how they gave consent",
        ),
        (
            with(&[
                ("source", "shop"),
                ("file", "email\n"),
                ("pasted", "a@x.com"),
            ]),
            "not both",
        ),
    ] {
        let answer = upload(&mut ada, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{words}");
        assert!(
            answer.contains(words) && answer.contains("<title>Error: "),
            "{words}"
        );
    }
    let pasted = "Ada <a@x.com>\nb@x.com";
    let fields = with(&[("source", " "), ("pasted", pasted)]);
    let kept = upload(&mut ada, &fields).await;
    assert!(kept.contains("\nAda &lt;a@x.com&gt;\nb@x.com</textarea>"));
    for fields in [
        vec![
            ("file", "email\na@x.com"),
            ("csrf", csrf.as_str()),
            ("source", "shop"),
        ],
        vec![
            ("csrf", "forged"),
            ("source", "shop"),
            ("file", "email\na@x.com"),
        ],
        Vec::new(),
    ] {
        let answer = upload(&mut ada, &fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    let answer = import(&mut ada, "email\na@x.com\n", "no").await;
    let path = answer.to().to_owned();
    until(&mut ada, &path, "Summary</h2>").await;
    ada.submit_form(LIST, &path, &[("action", "discard")]).await;
    assert_eq!(kept_files(&app), 0, "it was thrown away");
    let answer = import(&mut ada, "id,phone\n1,2\n", "no").await;
    let page = until(&mut ada, answer.to(), "Import failed").await;
    assert!(page.contains("no email column"));
    let mut anonymous = AdminClient::new(&app);
    let answer = upload(
        &mut anonymous,
        &[("csrf", &csrf), ("file", "email\na@x.com")],
    )
    .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(kept_files(&app), 0, "nothing of it is needed any more");
}

#[tokio::test]
async fn added_subscriber_has_consent_record() {
    let app = AdminTestApp::new().await;
    let mut ada = app.ada().await;
    for (email, source, words) in [
        (
            "nobody",
            "meeting",
            "Enter an email address like name@example.com",
        ),
        ("r@example.org", "  ", "how they gave consent"),
        ("r@example.org", "a\nb", "how they gave consent"),
    ] {
        let fields = [("email", email), ("source", source)];
        let answer = ada.submit_form(LIST, LIST, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            answer.contains(words) && answer.contains(&format!("value=\"{email}\"")),
            "{words}"
        );
    }
    let fields = [
        ("email", "r@example.org"),
        ("source", "meeting of 3 November"),
    ];
    let answer = ada.submit_form(LIST, LIST, &fields).await;
    assert_eq!(answer.to(), "/admin/subscribers?done=subscriber_added");
    let answer = ada.submit_form(LIST, LIST, &fields).await;
    assert_eq!(answer.to(), "/admin/subscribers?done=subscriber_known");
    assert!(ada.get(LIST).await.contains("meeting of 3 November"));
    let address = EmailAddress::parse("r@example.org").unwrap();
    assert!(
        app.site
            .web
            .subscriptions
            .erase_by_address(&address)
            .await
            .unwrap()
    );
    let answer = ada.submit_form(LIST, LIST, &fields).await;
    assert_eq!(answer.to(), "/admin/subscribers?done=subscriber_not_added");
}
