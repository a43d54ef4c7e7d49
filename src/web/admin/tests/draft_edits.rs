//! Edits of the draft: they are shown, sent and archived, and no typed text is lost.

use crate::digest::Published;
use crate::domain::issue::IssueNumber;
use crate::domain::issue::slot::Slot;
use crate::web::admin::tests::draft_send::ready;
use crate::web::admin::tests::*;

/// Returns the id of the post with this title on the page.
pub(crate) fn post_id(page: &TestResponse, title: &str) -> String {
    let mut posts = page.body.split("id=\"post-").skip(1);
    let post = posts.find(|post| post.contains(title)).unwrap();
    post.split('"').next().unwrap().to_owned()
}

/// Returns the titles of the posts in the email.
async fn titles(app: &AdminTestApp) -> Vec<String> {
    let draft = app.site.web.digests.draft().await.unwrap();
    let chosen = draft.selection.chosen.iter();
    chosen.map(|(post, _)| post.title.clone()).collect()
}

/// Submits the page's form with one of its buttons, like a browser.
pub(crate) async fn press(
    ada: &mut AdminClient<'_>,
    deed: &str,
    words: &[(&str, &str)],
) -> TestResponse {
    let page = ada.get("/admin/next").await;
    press_on(ada, &page, deed, words).await
}

pub(crate) async fn press_on(
    ada: &mut AdminClient<'_>,
    page: &TestResponse,
    deed: &str,
    words: &[(&str, &str)],
) -> TestResponse {
    let mut fields = vec![
        ("csrf", page.field("csrf")),
        ("version", page.field("version")),
        ("number", page.field("number")),
        ("do", deed),
    ];
    fields.extend_from_slice(words);
    ada.send("/admin/next", &fields, &[]).await
}

pub(crate) async fn publish(app: &AdminTestApp) -> IssueNumber {
    let slot = Slot::parse("2026-W48").unwrap();
    match app.site.web.digests.publish(Some(slot)).await.unwrap() {
        Published::Created { number, .. } => number,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn publish_feed(app: &AdminTestApp, ada: &mut AdminClient<'_>, feed: &str) {
    std::fs::write(app.dir.path().join("feed.xml"), feed).unwrap();
    ada.submit_form("/admin/next", "/admin/next/collect", &[])
        .await;
}

#[tokio::test]
async fn edited_text_is_sent_and_archived() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
    let words = [
        ("subject", "Fonts,\r\nspam & you"),
        ("preheader", "Read this first"),
        (
            "note",
            "Hello *all*,\r\n\r\nsee [us](https://lab.example/conf) <script>",
        ),
        ("show", "text"),
        ("theme", "dark"),
    ];
    let saved = press(&mut ada, "save", &words).await;
    assert_eq!(saved.to(), "/admin/next?done=saved&show=text&theme=dark");
    let page = ada.get("/admin/next").await;
    assert!(page.contains("value=\"Fonts, spam &amp; you\"") && page.contains("17 characters"));
    let html = ada.get("/admin/next/html").await;
    for words in [
        "Read this first",
        "Hello <em>all</em>",
        "<a href=\"https://lab.example/conf\" style=\"color",
        "&lt;script&gt;",
    ] {
        assert!(html.contains(words), "{words}");
    }

    let post = post_id(&page, "Spam in Q3");
    let path = format!("/admin/next/posts/{post}");
    let to = press(&mut ada, &format!("edit:{post}"), &words[..3]).await;
    assert_eq!(to.to(), path);
    let form = ada.get(&path).await;
    let fields = [
        ("version", form.field("version")),
        ("title", "Less spam"),
        ("excerpt", "In our own words."),
    ];
    let edited = ada.submit_form(&path, &path, &fields).await;
    assert_eq!(edited.to(), format!("/admin/next?done=saved#post-{post}"));
    assert!(
        ada.get(&path)
            .await
            .contains("Original: <bdi lang=\"en\">Spam in Q3</bdi>")
    );
    // A change of the feed does not overwrite the edited text.
    publish_feed(&app, &mut ada, &FEED.replace("Spam in Q3", "Spam in Q4")).await;
    assert_eq!(titles(&app).await, ["Less spam", "A loader in fonts"]);

    let number = publish(&app).await;
    let issue = app.store().issue(number).await.unwrap().unwrap();
    assert_eq!(issue.subject, "Fonts, spam & you");
    assert_eq!(issue.preheader, "Read this first");
    let archive = app.site.get("/issues/1").await;
    for words in [
        "Hello <em>all</em>",
        "href=\"https://lab.example/conf\"",
        "&lt;script&gt;",
        "Less spam",
        "In our own words.",
    ] {
        assert!(archive.body.contains(words), "{words}");
    }
    let feed = app.site.get("/issues/feed.xml").await;
    assert!(feed.body.contains("Hello <em>all</em>"));
    let next = ada.get("/admin/next").await;
    assert!(
        !next.contains("Fonts, spam") && !next.contains("Hello"),
        "used up"
    );
}

#[tokio::test]
async fn post_buttons_move_hide_pin_and_restore() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
    let more = FEED.replace(
        "</feed>",
        "<entry><title>Third</title><link href='https://lab.example/3'/><updated>2026-11-20T10:00:00Z</updated></entry></feed>",
    );
    publish_feed(&app, &mut ada, &more).await;
    assert_eq!(
        titles(&app).await,
        ["Spam in Q3", "A loader in fonts", "Third"]
    );
    let page = ada.get("/admin/next").await;
    let id = |title: &str| post_id(&page, title);
    let (spam, fonts, third) = (id("Spam in Q3"), id("A loader in fonts"), id("Third"));

    for (deed, post, order) in [
        ("up", &fonts, ["A loader in fonts", "Spam in Q3", "Third"]),
        ("up", &fonts, ["A loader in fonts", "Spam in Q3", "Third"]),
        ("down", &spam, ["A loader in fonts", "Third", "Spam in Q3"]),
        ("pin", &spam, ["Spam in Q3", "A loader in fonts", "Third"]),
        ("down", &spam, ["Spam in Q3", "A loader in fonts", "Third"]),
        ("unpin", &spam, ["A loader in fonts", "Third", "Spam in Q3"]),
    ] {
        let typed = [("subject", "Typed meanwhile")];
        let answer = press(&mut ada, &format!("{deed}:{post}"), &typed).await;
        assert_eq!(answer.to(), format!("/admin/next#post-{post}"), "{deed}");
        assert_eq!(titles(&app).await, order, "{deed}");
    }
    assert!(
        ada.get("/admin/next")
            .await
            .contains("value=\"Typed meanwhile\"")
    );
    press(&mut ada, "unplace", &[]).await;
    assert_eq!(titles(&app).await[0], "Spam in Q3");

    press(&mut ada, &format!("hide:{third}"), &[]).await;
    let page = ada.get("/admin/next").await;
    assert_eq!(titles(&app).await.len(), 2);
    assert!(page.contains("hidden by you") && page.contains(&format!("value=\"show:{third}\"")));
    publish(&app).await;
    assert!(
        titles(&app).await.is_empty(),
        "what was hidden stays hidden"
    );
    press(&mut ada, &format!("show:{third}"), &[]).await;
    assert_eq!(titles(&app).await, ["Third"]);
}

#[tokio::test]
async fn post_changes_are_audited_by_kind() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
    let page = ada.get("/admin/next").await;
    let fonts = post_id(&page, "A loader in fonts");
    for deed in ["up", "up", "pin", "unpin", "hide", "show"] {
        press(&mut ada, &format!("{deed}:{fonts}"), &[]).await;
    }
    press(&mut ada, "save", &[("subject", "Ours")]).await;
    press(&mut ada, "unplace", &[("subject", "Ours")]).await;
    let rows = app.store().audit_entries(None, 100).await.unwrap();
    let mut did: Vec<&str> = rows
        .iter()
        .filter(|row| row.target.as_deref() == Some("1"))
        .map(|row| row.action.as_str())
        .collect();
    did.sort_unstable();
    let noted = [
        "issue_edited",
        "post_hidden",
        "post_pinned",
        "post_shown",
        "post_unpinned",
        "posts_reordered",
        "posts_reordered",
    ];
    assert_eq!(did, noted, "and what changes nothing is not noted");
    let page = ada.get("/admin/audit").await;
    assert!(page.contains("Hid a post from issue No. 1"));
}

#[tokio::test]
async fn added_posts_bypass_selection_rules() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
    let old = FEED.replace(
        "</feed>",
        "<entry><title>Old</title><link href='https://lab.example/old'/><updated>2025-01-01T10:00:00Z</updated></entry></feed>",
    );
    publish_feed(&app, &mut ada, &old).await;
    let page = ada.get("/admin/next").await;
    assert!(page.contains("too old"));
    let id = post_id(&page, ">Old<");
    press(&mut ada, &format!("add:{id}"), &[]).await;
    assert_eq!(titles(&app).await.len(), 3);

    for (url, title, says) in [
        ("lab.example/4", "Guest", "Enter an address like"),
        ("javascript:alert(1)", "Guest", "Enter an address like"),
        ("https://guest.example/4", "  ", "Enter a title."),
        (
            "https://guest.example/4",
            &"x".repeat(301),
            "301 characters are too many",
        ),
    ] {
        let fields = [("url", url), ("title", title), ("excerpt", "Kept.")];
        let answer = ada
            .submit_form("/admin/next/add", "/admin/next/add", &fields)
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{says}");
        assert!(answer.contains(says) && answer.contains("Kept."), "{says}");
        assert!(answer.contains("<title>Error: "));
    }
    let guest = [
        ("url", "https://guest.example/4#top"),
        ("title", "A guest’s post"),
        ("excerpt", "Worth it."),
    ];
    ada.submit_form("/admin/next/add", "/admin/next/add", &guest)
        .await;
    assert!(titles(&app).await.contains(&"A guest’s post".to_owned()));
    // A feed that contains the post later does not add it twice and does not overwrite it.
    let theirs = old.replace(
        "</feed>",
        "<entry><title>Theirs</title><link href='https://guest.example/4'/><updated>2026-11-22T10:00:00Z</updated></entry></feed>",
    );
    publish_feed(&app, &mut ada, &theirs).await;
    let now = titles(&app).await;
    assert_eq!(now.len(), 4, "{now:?}");
    assert!(now.contains(&"A guest’s post".to_owned()), "{now:?}");
    publish(&app).await;
    let again = ada
        .submit_form("/admin/next/add", "/admin/next/add", &guest)
        .await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.contains("This post was already in No. 1."));
}

#[tokio::test]
async fn note_without_posts_makes_an_issue() {
    let app = AdminTestApp::new().await;
    app.site.confirmed("r1@example.org").await;
    let mut ada = app.ada().await;
    let page = ada.get("/admin/next").await;
    assert!(page.contains("Tip: a note to readers counts as an issue too."));
    press(&mut ada, "save", &[("note", "We are **away** this week.")]).await;
    let review = ada.get("/admin/next/send").await;
    assert!(review.contains("None; only the note"));
    send(&mut ada, &review).await;
    let issue = app.first_issue().await;
    assert_eq!(issue.preheader, "We are away this week.");
    let archive = app.site.get("/issues/1").await;
    assert!(archive.body.contains("<strong>away</strong>"));
}

#[tokio::test]
async fn invalid_text_is_rejected_and_kept_in_form() {
    let app = AdminTestApp::new().await;
    let mut ada = ready(&app).await;
    let long = "é".repeat(201);
    let heavy = "😀".repeat(5000);
    for (name, typed, says) in [
        ("subject", long.as_str(), "201 characters are too many"),
        ("preheader", &long, "201 characters are too many"),
        ("note", &"x".repeat(5001), "5001 characters are too many"),
        ("note", &heavy, "the maximum is 60"),
    ] {
        let fields = [(name, typed), ("email", "a@b.example")];
        let answer = press(&mut ada, "save", &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{says}");
        assert!(answer.contains("<title>Error: ") && answer.contains("aria-invalid=\"true\""));
        assert!(answer.contains(says) && answer.contains(typed), "{says}");
    }
    assert_eq!(app.store().draft_edits().await.unwrap().version, 0);
    for deed in ["", "burn", "up:1"] {
        let answer = press(&mut ada, deed, &[]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{deed}");
    }
    for path in ["x", "0190a0b0-0000-7000-8000-000000000000"] {
        let answer = ada.get(&format!("/admin/next/posts/{path}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
}
