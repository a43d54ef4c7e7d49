//! The blogs that are read, and which of their posts go out when.

use axum::http::StatusCode;

use crate::support::blog::Blog;
use crate::support::newsletter::{Newsletter, hours_ago, post, text};
use crate::support::smtp_server::SmtpServer;

async fn urls(newsletter: &Newsletter) -> Vec<String> {
    let feeds = newsletter.json(&["feeds", "list"]).await;
    feeds.iter().map(|feed| text(&feed["url"])).collect()
}

/// The titles that would go out now.
async fn titles(newsletter: &Newsletter) -> Vec<String> {
    let preview = newsletter.json(&["digest", "preview"]).await;
    let posts = preview[0]["posts"].as_array().expect("posts");
    posts.iter().map(|post| text(&post["title"])).collect()
}

fn both(one: &Blog, other: &Blog) -> String {
    format!(
        "[\"{}\", \"{}\"]",
        one.host_and_port(),
        other.host_and_port()
    )
}

#[tokio::test]
async fn what_the_settings_name_and_what_was_added_are_a_union() {
    let newsletter = Newsletter::new("smtp://127.0.0.1:9").await;
    let other = Blog::start(vec![post("tea", "A pot of tea", 3)]);
    let allowed = both(&newsletter.blog, &other);
    let newsletter = newsletter.with("feeds.allow_private", allowed);
    let named = newsletter.blog.feed_url();

    let added = newsletter.json(&["feeds", "add", &other.feed_url()]).await;
    assert_eq!(
        (&added[0]["added"], &added[0]["posts"]),
        (&true.into(), &1.into()),
        "{added:?}"
    );
    let again = newsletter.json(&["feeds", "add", &other.feed_url()]).await;
    assert_eq!(again[0]["added"], false, "{again:?}");
    let mut listed = urls(&newsletter).await;
    listed.sort();
    let mut wanted = vec![named.clone(), other.feed_url()];
    wanted.sort();
    assert_eq!(listed, wanted);
    assert_eq!(
        titles(&newsletter).await,
        ["A pot of tea", "How the bread rises", "Salt & water"]
    );

    newsletter
        .json(&["feeds", "remove", &other.feed_url()])
        .await;
    assert_eq!(urls(&newsletter).await, [named.as_str()]);
    let refused = newsletter.run(&["feeds", "remove", &named]).await;
    assert_eq!(refused.code(), Some(1), "{refused:?}");
    assert!(refused.stderr.contains("feeds.urls"), "{refused:?}");
    let unknown = newsletter
        .run(&["feeds", "remove", "https://blog.test/none"])
        .await;
    assert_eq!(unknown.code(), Some(1), "{unknown:?}");
}

#[tokio::test]
async fn a_broken_feed_stops_nothing_and_is_named() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_readers(1).await;
    let broken = Blog::start(vec![post("gone", "Never seen", 1)]);
    broken.break_with(Some(StatusCode::NOT_FOUND));
    let allowed = both(&newsletter.blog, &broken);
    let newsletter = newsletter.with("feeds.allow_private", allowed);
    newsletter.json(&["feeds", "add", &broken.feed_url()]).await;

    let sent = newsletter.run(&["digest", "send", "--wait"]).await;
    assert_eq!(sent.code(), Some(0), "{sent:?}");
    assert_eq!(sent.json()[0]["result"], "sent", "{sent:?}");
    assert!(sent.stderr.contains(&broken.feed_url()), "{sent:?}");
    assert!(sent.stderr.contains("404"), "{sent:?}");
    assert!(
        !sent.stderr.contains(&newsletter.blog.feed_url()),
        "{sent:?}"
    );

    let feeds = newsletter.json(&["feeds", "list"]).await;
    let bad = feeds
        .iter()
        .find(|feed| feed["url"] == broken.feed_url())
        .expect("listed");
    assert!(text(&bad["error"]).contains("404"), "{bad}");
    assert!(bad["last_good_at"].is_null(), "{bad}");
    let good = feeds
        .iter()
        .find(|feed| feed["url"] != broken.feed_url())
        .expect("listed");
    assert!(
        good["error"].is_null() && good["last_good_at"].is_i64(),
        "{good}"
    );
}

#[tokio::test]
async fn checking_a_feed_shows_its_posts_or_what_is_wrong() {
    let newsletter = Newsletter::of(
        vec![post("old", "From long ago", 9_000)],
        "smtp://127.0.0.1:9",
    )
    .await;
    let url = newsletter.blog.feed_url();
    let checked = newsletter.json(&["feeds", "check", &url]).await;
    assert_eq!(checked[0]["url"], url.as_str());
    assert!(checked[0]["error"].is_null(), "{checked:?}");
    let found = &checked[0]["posts"][0];
    assert_eq!(
        (&found["title"], &found["url"]),
        (&"From long ago".into(), &newsletter.blog.link("old").into())
    );
    assert_eq!(found["excerpt"], "From long ago, told in one sentence.");

    newsletter.blog.break_with(Some(StatusCode::NOT_FOUND));
    let failed = newsletter.run(&["feeds", "check", &url]).await;
    assert_eq!(failed.code(), Some(1), "{failed:?}");
    assert!(
        text(&failed.json()[0]["error"]).contains("404"),
        "{failed:?}"
    );

    let page = newsletter.installation.folder().join("page.html");
    std::fs::write(&page, "<!doctype html><title>Not a feed</title>").expect("a file");
    let failed = newsletter.run(&["feeds", "check", "page.html"]).await;
    assert_eq!(failed.code(), Some(1), "{failed:?}");
    assert!(text(&failed.json()[0]["error"]).len() > 10, "{failed:?}");
}

#[tokio::test]
async fn nothing_new_is_said_and_nothing_is_sent() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_readers(2).await;
    newsletter.send_to_the_end(&[]).await;
    let before = newsletter.blog.not_modified();
    let (code, result) = newsletter.send(&["--extra", "--wait"]).await;
    assert_eq!(
        (code, &result["result"]),
        (0, &"nothing_new".into()),
        "{result}"
    );
    assert!(result["slot"].is_null());
    assert_eq!(
        newsletter.blog.not_modified(),
        before + 1,
        "an unchanged feed is not read again"
    );
    assert_eq!(server.received().len(), 2);

    let (code, result) = newsletter.send(&["--slot", "2026-W41"]).await;
    assert_eq!(
        (code, &result["result"]),
        (0, &"nothing_new".into()),
        "{result}"
    );
    newsletter.blog.publish(post("new", "News at last", 1));
    let sent = newsletter.send_to_the_end(&["--slot", "2026-W41"]).await;
    assert_eq!(
        (&sent["result"], &sent["issue"]),
        (&"sent".into(), &2.into()),
        "the slot was unused"
    );
}

#[tokio::test]
async fn an_edited_or_renamed_post_is_not_sent_again() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_readers(1).await;
    newsletter.send_to_the_end(&[]).await;

    newsletter.blog.edit(|item| {
        item.title.push_str(" (edited)");
        item.description.push_str("<p>And more.</p>");
        item.published = hours_ago(0);
    });
    assert_eq!(titles(&newsletter).await, Vec::<String>::new(), "edited");
    newsletter
        .blog
        .edit(|item| item.guid = Some(format!("tag:blog.test,2026:{}", item.slug)));
    assert_eq!(
        titles(&newsletter).await,
        Vec::<String>::new(),
        "another guid, the same link"
    );
    newsletter
        .blog
        .edit(|item| item.slug = format!("moved-{}", item.slug));
    assert_eq!(
        titles(&newsletter).await,
        Vec::<String>::new(),
        "the same guid, another link"
    );
    let (_, result) = newsletter.send(&["--extra"]).await;
    assert_eq!(result["result"], "nothing_new", "{result}");
}

#[tokio::test]
async fn what_does_not_fit_is_carried_over() {
    let server = SmtpServer::start();
    let posts = (1..=25)
        .map(|hours| post(&format!("p{hours}"), &format!("Post {hours}"), hours))
        .collect();
    let newsletter = Newsletter::of(posts, &server.url()).await;
    newsletter.import_readers(1).await;
    for (round, newest) in [(1..=10), (11..=20), (21..=25)].into_iter().enumerate() {
        let expected: Vec<String> = newest.map(|hours| format!("Post {hours}")).collect();
        assert_eq!(titles(&newsletter).await, expected, "round {round}");
        newsletter.send_to_the_end(&["--extra"]).await;
    }
    assert_eq!(titles(&newsletter).await, Vec::<String>::new());
    assert_eq!(server.received().len(), 3);
}
