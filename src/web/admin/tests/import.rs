//! Readers brought from elsewhere, and how they stay out who left.

use crate::domain::subscriber::SubscriberState;
use crate::web::admin::tests::subscribers::{LIST, rows, state, until, waiting};
use crate::web::admin::tests::*;

const BOUNDARY: &str = "----broadsheet";

/// Who left is never shown as back while they are not (listmonk #1315).
#[tokio::test]
async fn only_the_reader_brings_the_reader_back() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    let reader = house.site.confirmed("eve@example.org").await;
    let page = format!("{LIST}/many?do=unsubscribe&id={}", reader.id);
    let ask = ada.get(&page).await;
    assert!(ask.shows("Unsubscribe 1 subscriber?") && ask.shows("eve@example.org"));
    let id = reader.id.to_string();
    let fields = [("do", "unsubscribe"), ("id", id.as_str())];
    let answer = ada.fill_in(&page, &format!("{LIST}/many"), &fields).await;
    assert_eq!(answer.to(), "/admin/subscribers?done=unsubscribed");
    assert_eq!(
        state(&house, "eve@example.org").await,
        Some(SubscriberState::Unsubscribed)
    );

    let add = [("email", "EVE@example.org"), ("source", "meeting")];
    let answer = ada.fill_in(LIST, LIST, &add).await;
    let page = ada.get(answer.to()).await;
    assert!(page.shows("Not added: this address unsubscribed") && !page.shows("Added."));
    let upload = import(&mut ada, "email\neve@example.org\n", "no").await;
    let page = until(&mut ada, upload.to(), "Summary</h2>").await;
    assert!(page.shows("Skipped: these addresses unsubscribed") && !page.shows("value=\"import\""));
    assert_eq!(
        state(&house, "eve@example.org").await,
        Some(SubscriberState::Unsubscribed)
    );

    waiting(&house, "eve@example.org").await;
    let reader = house.site.reader("eve@example.org").await.unwrap();
    let web = &house.site.web;
    let expires = house.site.now().plus(Duration::from_secs(3600));
    let token = web
        .keys
        .confirmation_token(&reader.id, &reader.nonce, expires);
    house.site.post(&format!("/confirm/{token}"), "").await;
    let page = ada.get(&format!("{LIST}?state=confirmed")).await;
    assert!(page.shows("eve@example.org") && rows(&page) == 1);
}

/// Brings a file to the desk.
async fn import(ada: &mut Browser<'_>, file: &str, ask: &str) -> TestResponse {
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

fn kept_files(house: &House) -> usize {
    let folder = house.site.web.list_work.folder();
    std::fs::read_dir(folder).unwrap().count()
}

async fn upload(ada: &mut Browser<'_>, fields: &[(&str, &str)]) -> TestResponse {
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
async fn an_import_says_first_what_it_would_do() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    house.site.confirmed("known@example.org").await;
    let mut file = "Name,E-Mail\n".to_owned();
    for n in 0..6_000 {
        file += &format!("R,r{n}@example.org\n");
    }
    file += "K,known@example.org\nR,R1@EXAMPLE.org\nX,nobody\n,\"a b\"@c\n";
    let answer = import(&mut ada, &file, "no").await;
    let path = answer.to().to_owned();
    let page = until(&mut ada, &path, "Summary</h2>").await;
    assert!(page.shows("Import 6,000 subscribers</button>"));
    assert!(page.shows("<th scope=\"row\">6,004</th>"), "{}", page.body);
    assert!(page.shows("readers.csv") && page.shows("the shop"));
    assert_eq!(
        state(&house, "r1@example.org").await,
        None,
        "nothing is done yet"
    );
    assert_eq!(kept_files(&house), 1, "it is still needed");
    ada.fill_in(&path, &path, &[("action", "import")]).await;
    let page = until(&mut ada, &path, "● Done").await;
    assert!(page.shows("6,000</dd>") && page.shows(">2</dd>"));
    assert_eq!(
        kept_files(&house),
        0,
        "addresses stay no longer than needed"
    );
    let again = ada.fill_in(LIST, &path, &[("action", "import")]).await;
    assert_eq!(again.to(), path, "a second click changes nothing");
    assert!(ada.get(LIST).await.shows("6,001 active subscribers"));
    ada.fill_in(LIST, &path, &[("action", "discard")]).await;
    assert_eq!(ada.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_list_that_nobody_comes_back_for_is_gone_after_a_day() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    let answer = import(&mut ada, "email\nreader@example.org\n", "no").await;
    let path = answer.to().to_owned();
    until(&mut ada, &path, "Summary</h2>").await;
    let lists = &house.site.web.list_work;
    house.site.clock.advance(Duration::from_secs(23 * 3600));
    lists.forget_abandoned(house.site.now());
    assert_eq!(kept_files(&house), 1, "who has lunch finds it again");
    house.site.clock.advance(Duration::from_secs(3600));
    lists.forget_abandoned(house.site.now());
    assert_eq!(kept_files(&house), 0);
    assert_eq!(ada.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn what_is_pasted_is_asked_for_confirmation_when_so_chosen() {
    let house = House::new().await;
    let mut ada = house.ada().await;
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
        page.shows("Import 2 subscribers</button>")
            && page.shows("Each of them will get a confirmation email")
    );
    assert!(
        page.shows("<th scope=\"row\">3</th>"),
        "the third of what was pasted"
    );
    ada.fill_in(&path, &path, &[("action", "import")]).await;
    until(&mut ada, &path, "● Done").await;
    assert_eq!(
        state(&house, "bob@example.org").await,
        Some(SubscriberState::Pending)
    );
    assert_eq!(house.site.deliveries().await.len(), 2);
}

#[tokio::test]
async fn a_file_that_cannot_be_taken_is_told_so() {
    let house = House::new().await;
    let mut ada = house.ada().await;
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
            "where they agreed",
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
            answer.shows(words) && answer.shows("<title>Error: "),
            "{words}"
        );
    }
    let pasted = "Ada <a@x.com>\nb@x.com";
    let fields = with(&[("source", " "), ("pasted", pasted)]);
    let kept = upload(&mut ada, &fields).await;
    assert!(kept.shows("\nAda &lt;a@x.com&gt;\nb@x.com</textarea>"));
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
    ada.fill_in(LIST, &path, &[("action", "discard")]).await;
    assert_eq!(kept_files(&house), 0, "it was thrown away");
    let answer = import(&mut ada, "id,phone\n1,2\n", "no").await;
    let page = until(&mut ada, answer.to(), "Import failed").await;
    assert!(page.shows("no column of addresses"));
    let mut nobody = Browser::new(&house);
    let answer = upload(&mut nobody, &[("csrf", &csrf), ("file", "email\na@x.com")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(kept_files(&house), 0, "nothing of it is needed any more");
}

#[tokio::test]
async fn readers_are_added_with_their_consent() {
    let house = House::new().await;
    let mut ada = house.ada().await;
    for (email, source, words) in [
        (
            "nobody",
            "meeting",
            "Enter an e-mail address like name@example.com",
        ),
        ("r@example.org", "  ", "where they agreed"),
        ("r@example.org", "a\nb", "where they agreed"),
    ] {
        let fields = [("email", email), ("source", source)];
        let answer = ada.fill_in(LIST, LIST, &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            answer.shows(words) && answer.shows(&format!("value=\"{email}\"")),
            "{words}"
        );
    }
    let fields = [
        ("email", "r@example.org"),
        ("source", "meeting of 3 November"),
    ];
    let answer = ada.fill_in(LIST, LIST, &fields).await;
    assert_eq!(answer.to(), "/admin/subscribers?done=subscriber_added");
    let answer = ada.fill_in(LIST, LIST, &fields).await;
    assert_eq!(answer.to(), "/admin/subscribers?done=subscriber_known");
    assert!(ada.get(LIST).await.shows("meeting of 3 November"));
    let address = EmailAddress::parse("r@example.org").unwrap();
    assert!(house.site.web.subscriptions.erase(&address).await.unwrap());
    let answer = ada.fill_in(LIST, LIST, &fields).await;
    assert_eq!(answer.to(), "/admin/subscribers?done=subscriber_kept_out");
}
