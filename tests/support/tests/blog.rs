use std::io::{Read, Write};
use std::net::TcpStream;

use axum::http::StatusCode;
use broadsheet::domain::clock::Timestamp;

use crate::support::blog::{Blog, Item};

/// The whole answer to a GET of the feed, with these further headers.
fn fetch(blog: &Blog, headers: &str) -> String {
    let host = blog.host_and_port();
    let mut stream = TcpStream::connect(&host).expect("the blog");
    let request =
        format!("GET /feed.xml HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn etag(answer: &str) -> &str {
    let line = answer.lines().find_map(|line| line.strip_prefix("etag: "));
    line.expect("an ETag")
}

fn blog() -> Blog {
    let published = Timestamp::from_millis(1_795_500_000_000);
    Blog::start(vec![Item::new("first", "Salt & <pepper>", published)])
}

#[test]
fn the_feed_is_rss_that_a_parser_reads() {
    let blog = blog();
    let answer = fetch(&blog, "");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let feed = feed_rs::parser::parse(body.as_bytes()).expect("a feed");
    let entry = &feed.entries[0];
    let title = entry.title.as_ref().map(|title| title.content.as_str());
    assert_eq!(title, Some("Salt & <pepper>"));
    assert_eq!(
        entry.links[0].href,
        blog.feed_url().replace("feed.xml", "first")
    );
    let published = entry.published.map(|moment| moment.timestamp());
    assert_eq!(published, Some(1_795_500_000));
}

#[test]
fn an_unchanged_feed_is_not_sent_again() {
    let blog = blog();
    let first = fetch(&blog, "");
    let condition = format!("If-None-Match: {}\r\n", etag(&first));
    assert!(fetch(&blog, &condition).starts_with("HTTP/1.1 304 "));

    blog.publish(Item::new("second", "News", Timestamp::EPOCH));
    let changed = fetch(&blog, &condition);
    assert!(changed.starts_with("HTTP/1.1 200 "));
    assert_ne!(etag(&changed), etag(&first));
    assert_eq!((blog.requests(), blog.not_modified()), (3, 1));
}

#[test]
fn a_broken_blog_says_so_until_it_is_mended() {
    let blog = blog();
    blog.break_with(Some(StatusCode::SERVICE_UNAVAILABLE));
    assert!(fetch(&blog, "").starts_with("HTTP/1.1 503 "));
    blog.break_with(None);
    assert!(fetch(&blog, "").starts_with("HTTP/1.1 200 "));
}
