//! Editing is real: what the editor sees is what goes out, and nothing is lost on the way.

use crate::digest::Published;
use crate::domain::issue::IssueNumber;
use crate::domain::issue::slot::Slot;
use crate::web::admin::tests::draft_send::ready;
use crate::web::admin::tests::*;

/// The id of the post that the page shows under this title.
pub(crate) fn post_id(page: &TestResponse, title: &str) -> String {
    let mut posts = page.body.split("id=\"post-").skip(1);
    let post = posts.find(|post| post.contains(title)).unwrap();
    post.split('"').next().unwrap().to_owned()
}

/// The titles of the posts, as the mail has them.
async fn titles(house: &House) -> Vec<String> {
    let draft = house.site.web.digests.draft().await.unwrap();
    let chosen = draft.selection.chosen.iter();
    chosen.map(|(post, _)| post.title.clone()).collect()
}

/// Presses a button of the page, as a browser would: with all that the page's form holds.
pub(crate) async fn press(
    ada: &mut Browser<'_>,
    deed: &str,
    words: &[(&str, &str)],
) -> TestResponse {
    let page = ada.get("/admin/next").await;
    press_on(ada, &page, deed, words).await
}

pub(crate) async fn press_on(
    ada: &mut Browser<'_>,
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

pub(crate) async fn publish(house: &House) -> IssueNumber {
    let slot = Slot::parse("2026-W48").unwrap();
    match house.site.web.digests.publish(Some(slot)).await.unwrap() {
        Published::Made { number, .. } => number,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn publish_feed(house: &House, ada: &mut Browser<'_>, feed: &str) {
    std::fs::write(house.dir.path().join("feed.xml"), feed).unwrap();
    ada.fill_in("/admin/next", "/admin/next/collect", &[]).await;
}

#[tokio::test]
async fn the_editors_words_are_what_goes_out_and_what_the_archive_shows() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
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
    assert!(page.shows("value=\"Fonts, spam &amp; you\"") && page.shows("17 characters"));
    let html = ada.get("/admin/next/html").await;
    for words in [
        "Read this first",
        "Hello <em>all</em>",
        "<a href=\"https://lab.example/conf\" style=\"color",
        "&lt;script&gt;",
    ] {
        assert!(html.shows(words), "{words}");
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
    let edited = ada.fill_in(&path, &path, &fields).await;
    assert_eq!(edited.to(), format!("/admin/next?done=saved#post-{post}"));
    assert!(
        ada.get(&path)
            .await
            .shows("Original: <bdi lang=\"en\">Spam in Q3</bdi>")
    );
    // The feed's own change does not reach the editor's words.
    publish_feed(&house, &mut ada, &FEED.replace("Spam in Q3", "Spam in Q4")).await;
    assert_eq!(titles(&house).await, ["Less spam", "A loader in fonts"]);

    let number = publish(&house).await;
    let issue = house.store().issue(number).await.unwrap().unwrap();
    assert_eq!(issue.subject, "Fonts, spam & you");
    assert_eq!(issue.preheader, "Read this first");
    let archive = house.site.get("/issues/1").await;
    for words in [
        "Hello <em>all</em>",
        "href=\"https://lab.example/conf\"",
        "&lt;script&gt;",
        "Less spam",
        "In our own words.",
    ] {
        assert!(archive.body.contains(words), "{words}");
    }
    let feed = house.site.get("/issues/feed.xml").await;
    assert!(feed.body.contains("Hello <em>all</em>"));
    let next = ada.get("/admin/next").await;
    assert!(
        !next.shows("Fonts, spam") && !next.shows("Hello"),
        "used up"
    );
}

#[tokio::test]
async fn posts_are_moved_hidden_pinned_and_taken_back() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
    let more = FEED.replace(
        "</feed>",
        "<entry><title>Third</title><link href='https://lab.example/3'/><updated>2026-11-20T10:00:00Z</updated></entry></feed>",
    );
    publish_feed(&house, &mut ada, &more).await;
    assert_eq!(
        titles(&house).await,
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
        assert_eq!(titles(&house).await, order, "{deed}");
    }
    assert!(
        ada.get("/admin/next")
            .await
            .shows("value=\"Typed meanwhile\"")
    );
    press(&mut ada, "unplace", &[]).await;
    assert_eq!(titles(&house).await[0], "Spam in Q3");

    press(&mut ada, &format!("hide:{third}"), &[]).await;
    let page = ada.get("/admin/next").await;
    assert_eq!(titles(&house).await.len(), 2);
    assert!(page.shows("hidden by you") && page.shows(&format!("value=\"show:{third}\"")));
    publish(&house).await;
    assert!(
        titles(&house).await.is_empty(),
        "what was hidden stays hidden"
    );
    press(&mut ada, &format!("show:{third}"), &[]).await;
    assert_eq!(titles(&house).await, ["Third"]);
}

#[tokio::test]
async fn each_change_to_the_posts_is_noted_as_what_it_is() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
    let page = ada.get("/admin/next").await;
    let fonts = post_id(&page, "A loader in fonts");
    for deed in ["up", "up", "pin", "unpin", "hide", "show"] {
        press(&mut ada, &format!("{deed}:{fonts}"), &[]).await;
    }
    press(&mut ada, "save", &[("subject", "Ours")]).await;
    press(&mut ada, "unplace", &[("subject", "Ours")]).await;
    let rows = house.store().audit(None, 100).await.unwrap();
    let mut did: Vec<&str> = rows
        .iter()
        .filter(|row| row.object.as_deref() == Some("1"))
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
    assert!(page.shows("Hid a post from issue No. 1"));
}

#[tokio::test]
async fn posts_come_in_that_no_rule_would_choose() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
    let old = FEED.replace(
        "</feed>",
        "<entry><title>Old</title><link href='https://lab.example/old'/><updated>2025-01-01T10:00:00Z</updated></entry></feed>",
    );
    publish_feed(&house, &mut ada, &old).await;
    let page = ada.get("/admin/next").await;
    assert!(page.shows("too old"));
    let id = post_id(&page, ">Old<");
    press(&mut ada, &format!("add:{id}"), &[]).await;
    assert_eq!(titles(&house).await.len(), 3);

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
            .fill_in("/admin/next/add", "/admin/next/add", &fields)
            .await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{says}");
        assert!(answer.shows(says) && answer.shows("Kept."), "{says}");
        assert!(answer.shows("<title>Error: "));
    }
    let guest = [
        ("url", "https://guest.example/4#top"),
        ("title", "A guest’s post"),
        ("excerpt", "Worth it."),
    ];
    ada.fill_in("/admin/next/add", "/admin/next/add", &guest)
        .await;
    assert!(titles(&house).await.contains(&"A guest’s post".to_owned()));
    // The feed brings it later: still one post, in the editor's words.
    let theirs = old.replace(
        "</feed>",
        "<entry><title>Theirs</title><link href='https://guest.example/4'/><updated>2026-11-22T10:00:00Z</updated></entry></feed>",
    );
    publish_feed(&house, &mut ada, &theirs).await;
    let now = titles(&house).await;
    assert_eq!(now.len(), 4, "{now:?}");
    assert!(now.contains(&"A guest’s post".to_owned()), "{now:?}");
    publish(&house).await;
    let again = ada
        .fill_in("/admin/next/add", "/admin/next/add", &guest)
        .await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(again.shows("This post was in No. 1 already."));
}

#[tokio::test]
async fn a_note_alone_is_an_issue() {
    let house = House::new().await;
    house.site.confirmed("r1@example.org").await;
    let mut ada = house.ada().await;
    let page = ada.get("/admin/next").await;
    assert!(page.shows("Tip: a note to readers counts as an issue too."));
    press(&mut ada, "save", &[("note", "We are **away** this week.")]).await;
    let review = ada.get("/admin/next/send").await;
    assert!(review.shows("None; only the note"));
    send(&mut ada, &review).await;
    let issue = house.first_issue().await;
    assert_eq!(issue.preheader, "We are away this week.");
    let archive = house.site.get("/issues/1").await;
    assert!(archive.body.contains("<strong>away</strong>"));
}

#[tokio::test]
async fn what_cannot_be_saved_is_said_and_kept() {
    let house = House::new().await;
    let mut ada = ready(&house).await;
    let long = "é".repeat(201);
    let heavy = "😀".repeat(5000);
    for (name, typed, says) in [
        ("subject", long.as_str(), "201 characters are too many"),
        ("preheader", &long, "201 characters are too many"),
        ("note", &"x".repeat(5001), "5001 characters are too many"),
        ("note", &heavy, "60 are the most"),
    ] {
        let fields = [(name, typed), ("email", "a@b.example")];
        let answer = press(&mut ada, "save", &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{says}");
        assert!(answer.shows("<title>Error: ") && answer.shows("aria-invalid=\"true\""));
        assert!(answer.shows(says) && answer.shows(typed), "{says}");
    }
    assert_eq!(house.store().draft_edits().await.unwrap().version, 0);
    for deed in ["", "burn", "up:1"] {
        let answer = press(&mut ada, deed, &[]).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{deed}");
    }
    for path in ["x", "0190a0b0-0000-7000-8000-000000000000"] {
        let answer = ada.get(&format!("/admin/next/posts/{path}")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
}
