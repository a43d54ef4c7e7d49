use proptest::prelude::*;

use super::*;

fn parsed(text: &str) -> ParsedFeed {
    parse(
        text.as_bytes(),
        Some(&Url::parse("https://feeds.example/blog/feed.xml").unwrap()),
    )
    .unwrap()
}

fn rss(items: &str) -> ParsedFeed {
    parsed(&format!(
        "<rss version='2.0'><channel><title>Blog</title><link>https://blog.example/</link>{items}</channel></rss>"
    ))
}

fn item(fields: &str) -> FeedPost {
    let mut feed = rss(&format!("<item>{fields}</item>"));
    assert_eq!(feed.posts.len(), 1, "{fields}");
    feed.posts.remove(0)
}

fn titled(title: &str) -> String {
    item(&format!(
        "<link>https://blog.example/1</link><title>{title}</title>"
    ))
    .title
}

#[test]
fn rss_item_with_all_fields_is_parsed() {
    let feed = parsed(
        "<rss version='2.0' xmlns:content='http://purl.org/rss/1.0/modules/content/' xmlns:slash='http://purl.org/rss/1.0/modules/slash/' \
         xmlns:dc='http://purl.org/dc/elements/1.1/'><channel><title>The &amp;amp; Blog</title><link>https://blog.example/</link>\
         <item><guid isPermaLink='false'>id-1</guid><link>/posts/1</link><title>First</title><dc:creator>Jane</dc:creator>\
         <pubDate>Fri, 20 Nov 2026 10:00:00 GMT</pubDate><slash:comments>7</slash:comments>\
         <description>A fine summary of what is in the post here.</description>\
         <content:encoded><![CDATA[<p>Hello.</p><img src='/a.png'>]]></content:encoded></item></channel></rss>",
    );
    assert_eq!(feed.title, "The & Blog");
    assert_eq!(
        feed.home,
        Some(Url::parse("https://blog.example/").unwrap())
    );
    assert_eq!(feed.skipped, 0);
    let expected = FeedPost {
        guid: Some("id-1".into()),
        link: Some(Url::parse("https://blog.example/posts/1").unwrap()),
        title: "First".into(),
        excerpt: "A fine summary of what is in the post here.".into(),
        image: Some(Url::parse("https://blog.example/a.png").unwrap()),
        author: Some("Jane".into()),
        published_at: Some(Timestamp::from_millis(1_795_168_800_000)),
        comments: Some(7),
        minutes: None,
    };
    assert_eq!(feed.posts, [expected]);
}

#[test]
fn guid_is_not_invented() {
    assert_eq!(
        item("<link>https://blog.example/1</link><title>t</title>").guid,
        None
    );
    let feed = rss("<item><title>t</title></item>");
    assert_eq!((feed.posts.len(), feed.skipped), (0, 1));
    assert_eq!(
        item("<link>https://b.example/</link><guid>a&#1;b</guid>")
            .guid
            .as_deref(),
        Some("ab")
    );
}

#[test]
fn post_without_http_link_is_skipped() {
    let feed = rss(
        "<item><title>a</title><link>javascript:alert(1)</link></item><item><title>b</title><guid>7</guid></item>\
         <item><title>c</title><link>data:text/html,x</link><guid>https://blog.example/c</guid></item>",
    );
    assert_eq!(feed.skipped, 2);
    assert_eq!(
        feed.posts[0].link.as_ref().unwrap().as_str(),
        "https://blog.example/c"
    );
}

#[test]
fn relative_link_base_depends_on_format() {
    let atom = parsed(
        "<feed xmlns='http://www.w3.org/2005/Atom'><link href='https://blog.example/'/><entry><id>1</id><title>t</title>\
         <link rel='self' href='https://blog.example/self'/><link rel='replies' href='/replies'/><link href='posts/1'/></entry></feed>",
    );
    assert_eq!(
        atom.posts[0].link.as_ref().unwrap().as_str(),
        "https://feeds.example/blog/posts/1"
    );
    let based = parsed(
        "<feed xmlns='http://www.w3.org/2005/Atom' xml:base='https://other.example/x/'><entry><id>1</id><link href='posts/1'/></entry></feed>",
    );
    assert_eq!(
        based.posts[0].link.as_ref().unwrap().as_str(),
        "https://other.example/x/posts/1"
    );
}

#[test]
fn title_markup_is_removed() {
    assert_eq!(
        titled("Fish &amp;amp; &lt;b&gt;chips&lt;/b&gt;"),
        "Fish & chips"
    );
    assert_eq!(titled("&lt;img src=x onerror=alert(1)&gt;Hi"), "Hi");
    assert_eq!(titled("&lt;script&gt;alert(1)&lt;/script&gt;Hi"), "Hi");
    assert_eq!(
        titled("Why Vec&lt;T&gt; is fast, a &lt; b"),
        "Why Vec<T> is fast, a < b"
    );
    assert_eq!(titled("It&amp;#8217;s"), "It’s");
    assert_eq!(titled("gpj.&#x202e;exe&#7;\n now"), "gpj.exe now");
    let long = titled(&"word ".repeat(100));
    assert!(
        long.chars().count() <= MAX_TITLE_CHARS && long.ends_with("word…"),
        "{long}"
    );
}

#[test]
fn missing_title_is_made_from_text() {
    let text = "<link>https://blog.example/1</link><description>One small step for a man, which was then followed by very many more of them as we know. And so on.</description>";
    assert_eq!(
        item(text).title,
        "One small step for a man, which was then followed by very many more of them as…"
    );
    assert_eq!(
        item("<link>https://blog.example/1</link>").title,
        "blog.example"
    );
}

#[test]
fn hostile_content_is_reduced_to_text() {
    let post = item(
        "<link>https://blog.example/1</link><title>t</title><description>&lt;style&gt;p{}&lt;/style&gt;&lt;p onclick='x'&gt;The words that are left of \
         it.&lt;/p&gt;&lt;a href='javascript:alert(1)'&gt;They stay.&lt;/a&gt;&lt;img src=x onerror=alert(1)&gt;&lt;script&gt;alert(1)&lt;/script&gt;</description>",
    );
    assert_eq!(post.excerpt, "The words that are left of it. They stay.");
    assert_eq!(
        post.image,
        Some(Url::parse("https://blog.example/x").unwrap())
    );
}

#[test]
fn invalid_date_is_ignored() {
    let dated = |date: &str| {
        item(&format!(
            "<link>https://b.example/</link><pubDate>{date}</pubDate>"
        ))
        .published_at
    };
    for date in [
        "",
        "yesterday",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Mon, 01 Jan 0001 00:00:00 +0000",
        "Fri, 99 Nov 2026 10:00:00 GMT",
    ] {
        assert_eq!(dated(date), None, "{date}");
    }
    assert_eq!(
        dated("2026-11-20T10:00:00Z"),
        Some(Timestamp::from_millis(1_795_168_800_000))
    );
    assert_eq!(
        dated("Friday, 20 November 2026 11:00:00 +0100"),
        Some(Timestamp::from_millis(1_795_168_800_000))
    );
}

#[test]
fn json_feed_quirks_are_accepted() {
    let feed = parsed(
        r#"{"version":"https://jsonfeed.org/version/1.1","title":"Blog","home_page_url":"https://blog.example/",
        "authors":[{"name":"Jane"}],"items":[
        {"id":7,"url":"/1","title":"One","image":"/i.png","content_html":"<p>Hello there.</p>","date_published":"2026-11-20T10:00:00Z"},
        {"id":"https://blog.example/2","content_text":"Two lines\nof a text.\n\nAnd more.","author":{"name":"Ann"},"attachments":[{"url":"x"}]},
        "no item", {"title":"nowhere"}]}"#,
    );
    assert_eq!((feed.posts.len(), feed.skipped), (2, 2));
    let [one, two] = &feed.posts[..] else {
        panic!()
    };
    assert_eq!(
        (one.guid.as_deref(), one.author.as_deref()),
        (Some("7"), Some("Jane"))
    );
    assert_eq!(
        one.link.as_ref().unwrap().as_str(),
        "https://blog.example/1"
    );
    assert_eq!(
        one.image.as_ref().unwrap().as_str(),
        "https://blog.example/i.png"
    );
    assert_eq!(
        one.published_at,
        Some(Timestamp::from_millis(1_795_168_800_000))
    );
    assert_eq!(
        (two.title.as_str(), two.author.as_deref()),
        ("Two lines of a text", Some("Ann"))
    );
}

#[test]
fn document_that_is_not_a_feed_is_an_error() {
    let error = |text: &str| parse(text.as_bytes(), None).unwrap_err();
    assert_eq!(error(" \n"), ParseError::Empty);
    assert_eq!(error("not found"), ParseError::Unknown);
    assert_eq!(error("<!doctype html>\n<HTML><p>"), ParseError::WebPage);
    assert!(matches!(
        error(r#"{"version":"https://jsonfeed.org/version/1","items":[{"#),
        ParseError::Json(_)
    ));
    assert!(matches!(
        error(&r#"{"a":"#.repeat(100_000)),
        ParseError::Json(_)
    ));
    assert!(rss("").posts.is_empty());
}

/// Text similar to a feed, which gets further in the parser than random bytes.
fn feed_like_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("<item>"),
        Just("</item>"),
        Just("<title>"),
        Just("</title>"),
        Just("<link>"),
        Just("</link>"),
        Just("<description>"),
        Just("</description>"),
        Just("<author>"),
        Just("</author>"),
        Just("a@b.cc"),
        Just("（é"),
        Just("<media:content url='https://b.example/x.png'>"),
        Just("</media:content>"),
        Just("<itunes:duration>9:99"),
        Just("<![CDATA["),
        Just("]]>"),
        Just("&lt;p&gt;"),
        Just("&#0;"),
        Just("&x;"),
        Just("&"),
        Just("https://b.example/"),
        Just("<pubDate>"),
        Just("</pubDate>"),
        Just("Fri, 20 Nov 2026"),
        Just("<guid/>"),
        Just(" "),
        Just("\u{202e}"),
    ];
    prop::collection::vec(piece, 0..40)
        .prop_map(|pieces| format!("<rss><channel>{}</channel></rss>", pieces.concat()))
}

proptest! {
    #[test]
    fn random_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), start in "[<{]?(rss|feed|rdf:RDF|\"version\":)?[ >]?") {
        let _ = parse(&bytes, None);
        let _ = parse(&[start.as_bytes(), &bytes].concat(), None);
    }

    #[test]
    fn feed_like_text_parses_to_clean_posts(text in feed_like_text()) {
        if let Ok(feed) = parse(text.as_bytes(), None) {
            for post in feed.posts {
                prop_assert!(post.link.is_some());
                let has_override = post.title.contains('\u{202e}');
                prop_assert!(!has_override && post.title.chars().count() <= MAX_TITLE_CHARS);
                prop_assert!(post.excerpt.chars().count() <= 400);
            }
        }
    }
}
