//! Feeds: adding, errors, and the selection of posts across issues.

use axum::http::StatusCode;

use crate::support::blog::Blog;
use crate::support::newsletter::{NO_SMTP, Newsletter, as_text, hours_ago, post};
use crate::support::smtp_server::SmtpServer;

async fn urls(newsletter: &Newsletter) -> Vec<String> {
    let feeds = newsletter.run_json(&["feeds", "list"]).await;
    feeds.iter().map(|feed| as_text(&feed["url"])).collect()
}

/// Returns the titles of the posts of the next issue.
async fn titles(newsletter: &Newsletter) -> Vec<String> {
    let preview = newsletter.run_json(&["digest", "preview"]).await;
    let posts = preview[0]["posts"].as_array().expect("posts");
    posts.iter().map(|post| as_text(&post["title"])).collect()
}

fn hosts_of(one: &Blog, other: &Blog) -> String {
    format!(
        "[\"{}\", \"{}\"]",
        one.host_and_port(),
        other.host_and_port()
    )
}

#[tokio::test]
async fn configured_and_added_feeds_are_both_read() {
    let newsletter = Newsletter::new(NO_SMTP).await;
    let other = Blog::start(vec![post("tea", "A pot of tea", 3)]);
    let allowed = hosts_of(&newsletter.blog, &other);
    let newsletter = newsletter.with_setting("feeds.allow_private", allowed);
    let configured = newsletter.blog.feed_url();

    let added = newsletter
        .run_json(&["feeds", "add", &other.feed_url()])
        .await;
    assert_eq!(
        (&added[0]["added"], &added[0]["posts"]),
        (&true.into(), &1.into()),
        "{added:?}"
    );
    let again = newsletter
        .run_json(&["feeds", "add", &other.feed_url()])
        .await;
    assert_eq!(again[0]["added"], false, "{again:?}");
    let mut listed = urls(&newsletter).await;
    listed.sort();
    let mut expected = vec![configured.clone(), other.feed_url()];
    expected.sort();
    assert_eq!(listed, expected);
    assert_eq!(
        titles(&newsletter).await,
        ["A pot of tea", "How the bread rises", "Salt & water"]
    );

    newsletter
        .run_json(&["feeds", "remove", &other.feed_url()])
        .await;
    assert_eq!(urls(&newsletter).await, [configured.as_str()]);
    let rejected = newsletter.run(&["feeds", "remove", &configured]).await;
    assert_eq!(rejected.code(), Some(1), "{rejected:?}");
    assert!(rejected.stderr.contains("feeds.urls"), "{rejected:?}");
    let unknown = newsletter
        .run(&["feeds", "remove", "https://blog.test/none"])
        .await;
    assert_eq!(unknown.code(), Some(1), "{unknown:?}");
}

#[tokio::test]
async fn broken_feed_is_reported_and_issue_is_sent() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_subscribers(1).await;
    let broken = Blog::start(vec![post("gone", "Never seen", 1)]);
    broken.set_failure(Some(StatusCode::NOT_FOUND));
    let allowed = hosts_of(&newsletter.blog, &broken);
    let newsletter = newsletter.with_setting("feeds.allow_private", allowed);
    newsletter
        .run_json(&["feeds", "add", &broken.feed_url()])
        .await;

    let sent = newsletter.run(&["digest", "send", "--wait"]).await;
    assert_eq!(sent.code(), Some(0), "{sent:?}");
    assert_eq!(sent.json_lines()[0]["result"], "sent", "{sent:?}");
    assert!(sent.stderr.contains(&broken.feed_url()), "{sent:?}");
    assert!(sent.stderr.contains("404"), "{sent:?}");
    assert!(
        !sent.stderr.contains(&newsletter.blog.feed_url()),
        "{sent:?}"
    );

    let feeds = newsletter.run_json(&["feeds", "list"]).await;
    let bad = feeds
        .iter()
        .find(|feed| feed["url"] == broken.feed_url())
        .expect("listed");
    assert!(as_text(&bad["error"]).contains("404"), "{bad}");
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
async fn feed_check_prints_posts_or_error() {
    let newsletter =
        Newsletter::with_posts(vec![post("old", "From long ago", 9_000)], NO_SMTP).await;
    let url = newsletter.blog.feed_url();
    let checked = newsletter.run_json(&["feeds", "check", &url]).await;
    assert_eq!(checked[0]["url"], url.as_str());
    assert!(checked[0]["error"].is_null(), "{checked:?}");
    let found = &checked[0]["posts"][0];
    assert_eq!(
        (&found["title"], &found["url"]),
        (&"From long ago".into(), &newsletter.blog.link("old").into())
    );
    assert_eq!(found["excerpt"], "From long ago, told in one sentence.");

    newsletter.blog.set_failure(Some(StatusCode::NOT_FOUND));
    let failed = newsletter.run(&["feeds", "check", &url]).await;
    assert_eq!(failed.code(), Some(1), "{failed:?}");
    assert!(
        as_text(&failed.json_lines()[0]["error"]).contains("404"),
        "{failed:?}"
    );

    let page = newsletter.install.folder().join("page.html");
    std::fs::write(&page, "<!doctype html><title>Not a feed</title>").expect("a file");
    let failed = newsletter.run(&["feeds", "check", "page.html"]).await;
    assert_eq!(failed.code(), Some(1), "{failed:?}");
    assert!(
        as_text(&failed.json_lines()[0]["error"]).len() > 10,
        "{failed:?}"
    );
}

#[tokio::test]
async fn send_without_new_posts_sends_nothing() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_subscribers(2).await;
    newsletter.send_digest_and_wait(&[]).await;
    let before = newsletter.blog.not_modified_count();
    let (code, result) = newsletter.send_digest(&["--extra", "--wait"]).await;
    assert_eq!(
        (code, &result["result"]),
        (0, &"nothing_new".into()),
        "{result}"
    );
    assert!(result["slot"].is_null());
    assert_eq!(
        newsletter.blog.not_modified_count(),
        before + 1,
        "unchanged feed downloaded again"
    );
    assert_eq!(server.received().len(), 2);

    let (code, result) = newsletter.send_digest(&["--slot", "2026-W41"]).await;
    assert_eq!(
        (code, &result["result"]),
        (0, &"nothing_new".into()),
        "{result}"
    );
    newsletter.blog.publish(post("new", "News at last", 1));
    let sent = newsletter
        .send_digest_and_wait(&["--slot", "2026-W41"])
        .await;
    assert_eq!(
        (&sent["result"], &sent["issue"]),
        (&"sent".into(), &2.into()),
        "the slot without posts stayed free"
    );
}

#[tokio::test]
async fn edited_or_moved_post_is_not_sent_again() {
    let server = SmtpServer::start();
    let newsletter = Newsletter::new(&server.url()).await;
    newsletter.import_subscribers(1).await;
    newsletter.send_digest_and_wait(&[]).await;

    newsletter.blog.edit_posts(|item| {
        item.title.push_str(" (edited)");
        item.description.push_str("<p>And more.</p>");
        item.published = hours_ago(0);
    });
    assert_eq!(titles(&newsletter).await, Vec::<String>::new(), "edited");
    newsletter
        .blog
        .edit_posts(|item| item.guid = Some(format!("tag:blog.test,2026:{}", item.slug)));
    assert_eq!(
        titles(&newsletter).await,
        Vec::<String>::new(),
        "changed guid, same link"
    );
    newsletter
        .blog
        .edit_posts(|item| item.slug = format!("moved-{}", item.slug));
    assert_eq!(
        titles(&newsletter).await,
        Vec::<String>::new(),
        "same guid, changed link"
    );
    let (_, result) = newsletter.send_digest(&["--extra"]).await;
    assert_eq!(result["result"], "nothing_new", "{result}");
}

#[tokio::test]
async fn excess_posts_are_carried_over() {
    let server = SmtpServer::start();
    let posts = (1..=25)
        .map(|hours| post(&format!("p{hours}"), &format!("Post {hours}"), hours))
        .collect();
    let newsletter = Newsletter::with_posts(posts, &server.url()).await;
    newsletter.import_subscribers(1).await;
    for (round, newest) in [(1..=10), (11..=20), (21..=25)].into_iter().enumerate() {
        let expected: Vec<String> = newest.map(|hours| format!("Post {hours}")).collect();
        assert_eq!(titles(&newsletter).await, expected, "round {round}");
        newsletter.send_digest_and_wait(&["--extra"]).await;
    }
    assert_eq!(titles(&newsletter).await, Vec::<String>::new());
    assert_eq!(server.received().len(), 3);
}
