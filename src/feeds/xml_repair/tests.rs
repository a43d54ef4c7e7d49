use super::*;
use crate::feeds::raw::{RawFeed, RawPost};
use crate::feeds::rss_atom;

fn rss(items: &str) -> String {
    format!(
        "<?xml version='1.0'?><rss xmlns:media='http://search.yahoo.com/mrss' \
         xmlns:slash='http://purl.org/rss/1.0/modules/slash/' xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd' \
         xmlns:content='http://purl.org/rss/1.0/modules/content/' \
         xmlns:dc='http://purl.org/dc/elements/1.1/'><channel><title>T</title>{items}</channel></rss>"
    )
}

fn read(xml: &str) -> RawFeed {
    rss_atom::parse(xml.as_bytes()).unwrap()
}

fn item(fields: &str) -> RawPost {
    let mut feed = read(&rss(&format!(
        "<item><link>https://b.example/1</link>{fields}</item>"
    )));
    assert_eq!(feed.posts.len(), 1);
    feed.posts.remove(0)
}

fn entry(fields: &str) -> RawPost {
    let mut feed = read(&format!(
        "<feed xmlns='http://www.w3.org/2005/Atom'><entry>{fields}</entry></feed>"
    ));
    assert_eq!(feed.posts.len(), 1);
    feed.posts.remove(0)
}

#[test]
fn comment_count_is_read_per_item() {
    let feed = read(&rss(
        "<item><title>a</title><slash:comments> 12 </slash:comments></item><item><title>b</title></item>\
         <item><title>c</title><slash:comments>many</slash:comments></item>",
    ));
    let comments: Vec<_> = feed.posts.iter().map(|post| post.comments).collect();
    assert_eq!(comments, [Some(12), None, None]);
}

#[test]
fn email_address_of_author_is_removed() {
    let author = |text: &str| item(&format!("<author>{text}</author>")).author;
    for text in [
        "jane@example.com (Jane Doe)",
        "Jane Doe &lt;jane@example.com&gt;",
        "（Jane Doe）jane@example.com（",
    ] {
        assert_eq!(author(text).as_deref(), Some("Jane Doe"), "{text}");
    }
    assert_eq!(author("Jürgen Müller").as_deref(), Some("Jürgen Müller"));
    assert_eq!(author("jane@example.com"), None);
    assert_eq!(author("é+a@example.com").unwrap_or_default(), "");
    assert_eq!(
        item("<dc:creator><![CDATA[王（a@b.cc）]]></dc:creator>")
            .author
            .as_deref(),
        Some("王")
    );
    assert_eq!(
        entry("<author><name>Ann a@b.cc（</name></author>")
            .author
            .as_deref(),
        Some("Ann")
    );
}

#[test]
fn invalid_element_does_not_fail_the_feed() {
    for fields in [
        "<title>Fish & chips</title>",
        "<title>&#0;Fish &#38; chips</title>",
        "<title>Fish &amp; chips</title><media:title/><media:description type='odd'/>",
        "<title>Fish &amp; chips</title><itunes:duration>99999999999999999999:00:00</itunes:duration>",
        "<title>Fish &amp; chips</title><media:text start='99999999999999999999'>x</media:text>",
        "<title xml:base='http://[bad'>Fish &amp; chips</title>",
    ] {
        assert_eq!(item(fields).title.text, "Fish & chips", "{fields}");
    }
    for fields in [
        "<title type='markdown'>Fish &amp; chips</title><content type='odd'/>",
        "<title>Fish &amp; chips</title><content type='text/plain'></content>",
        "<title type='TEXT'>Fish &amp; chips</title><content type='html' src='/x'>y</content>",
    ] {
        assert_eq!(entry(fields).title.text, "Fish & chips", "{fields}");
    }
}

#[test]
fn unescaped_markup_is_kept_as_text() {
    let post =
        item("<description><p class=\"a\">one<br/><b>two</b> &amp;amp; three</p></description>");
    assert_eq!(
        post.summary.text,
        "<p class=\"a\">one<br><b>two</b> &amp; three</p>"
    );
    assert_eq!(
        item("<title>Why <i>so</i></title>").title.text,
        "Why <i>so</i>"
    );
}

#[test]
fn all_kinds_of_images_are_found() {
    let urls = |fields: &str| -> Vec<String> {
        item(fields)
            .images
            .into_iter()
            .map(|image| image.url)
            .collect()
    };
    assert_eq!(
        urls("<media:thumbnail url='https://b.example/t.jpg' width='90'/>"),
        ["https://b.example/t.jpg"]
    );
    assert_eq!(
        urls("<media:content url='https://b.example/c' medium='image'/>"),
        ["https://b.example/c"]
    );
    assert_eq!(
        urls("<media:content url='https://b.example/v.mp4' type='video/mp4'/>"),
        [""; 0]
    );
    assert_eq!(
        urls("<enclosure url='https://b.example/e' type='image/png' length='1'/>"),
        ["https://b.example/e"]
    );
    let group = "<media:group><media:thumbnail url='https://b.example/t'/><media:content url='https://b.example/s.png' \
                 width='100'/><media:content url='https://b.example/l.png' width='900'/></media:group>";
    assert_eq!(
        urls(group),
        [
            "https://b.example/l.png",
            "https://b.example/s.png",
            "https://b.example/t"
        ]
    );
    let enclosed = entry("<link rel='enclosure' type='image/png' href='https://b.example/e.png'/>");
    assert_eq!(enclosed.images[0].url, "https://b.example/e.png");
}

#[test]
fn all_rss_and_atom_versions_are_parsed() {
    let items = "<item><title>one</title><link>https://b.example/1</link></item>";
    let rdf = |ns: &str| {
        format!(
            "<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='{ns}'><channel/>{items}</rdf:RDF>"
        )
    };
    let feeds = [
        format!("<rss version='0.91'><channel>{items}</channel></rss>"),
        format!("<rss version='0.93'><channel>{items}</channel></rss>"),
        format!("<rss><channel>{items}</channel></rss>"),
        format!(
            "<rss version='2.0' xmlns='http://backend.userland.com/rss2'><channel>{items}</channel></rss>"
        ),
        rdf("http://purl.org/rss/1.0/"),
        rdf("http://my.netscape.com/rdf/simple/0.9/"),
        "<feed xmlns='http://purl.org/atom/ns#' version='0.3'><entry><title>one</title>\
         <link rel='alternate' href='https://b.example/1'/></entry></feed>"
            .to_owned(),
    ];
    for xml in feeds {
        let feed = read(&xml);
        assert_eq!(feed.posts.len(), 1, "{xml}");
        assert_eq!(
            (
                feed.posts[0].title.text.as_str(),
                feed.posts[0].links[0].as_str()
            ),
            ("one", "https://b.example/1")
        );
    }
}

#[test]
fn document_encoding_is_converted() {
    let latin = b"<?xml version='1.0' encoding='iso-8859-1'?><rss version='2.0'><channel><title>Caf\xe9</title></channel></rss>";
    assert_eq!(rss_atom::parse(latin).unwrap().title.text, "Café");
    let utf16: Vec<u8> = "\u{feff}<rss version='2.0'><channel><title>Café</title></channel></rss>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    assert_eq!(rss_atom::parse(&utf16).unwrap().title.text, "Café");
}

#[test]
fn declared_entities_are_not_expanded() {
    let mut doctype = "<!DOCTYPE rss [<!ENTITY lol0 'lol'>".to_owned();
    for n in 1..12 {
        doctype += &format!(
            "<!ENTITY lol{n} '{}'>",
            format!("&lol{};", n - 1).repeat(10)
        );
    }
    let xml =
        format!("{doctype}]><rss version='2.0'><channel><title>&lol11;</title></channel></rss>");
    assert_eq!(read(&xml).title.text, "&lol11;");
    let external = "<!DOCTYPE rss [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><rss version='2.0'><channel><title>&x;</title></channel></rss>";
    assert_eq!(read(external).title.text, "&x;");
}

#[test]
fn deep_and_wide_documents_are_parsed_fast() {
    let started = std::time::Instant::now();
    let (open, close) = ("<a>".repeat(20_000), "</a>".repeat(20_000));
    let post = item(&format!("<title>kept</title><x>{open}deep{close}</x>"));
    assert_eq!(post.title.text, "kept");
    let post = entry(&format!(
        "<content type='xhtml'>{open}deep{close}</content>"
    ));
    assert!(post.content.text.contains("deep") && post.content.text.len() < 1_000);
    let attributes: String = (0..100_000).map(|n| format!(" a{n}=''")).collect();
    assert_eq!(
        item(&format!("<title {attributes}>wide</title>"))
            .title
            .text,
        "wide"
    );
    let namespaces: String = (0..100_000).map(|n| format!(" xmlns:a{n}='u'")).collect();
    assert_eq!(
        item(&format!(
            "<x{namespaces}/>{}<title>last</title>",
            "<a1:b/>".repeat(50_000)
        ))
        .title
        .text,
        "last"
    );
    assert!(started.elapsed().as_secs() < 10);
}

#[test]
fn document_that_is_not_a_feed_is_identified() {
    let error = |xml: &str| rss_atom::parse(xml.as_bytes()).unwrap_err();
    assert_eq!(
        error("<!DOCTYPE html><html><head><meta charset=utf-8></head></html>"),
        ParseError::WebPage
    );
    assert_eq!(
        error("<opml version='2.0'/>"),
        ParseError::NotAFeed("opml".into())
    );
    assert_eq!(error("<?xml version='1.0'?>"), ParseError::Empty);
    let complete = rss("<item><title>a</title></item><item><title>b</title></item>");
    for end in [complete.len() - 6, complete.len() / 2, complete.len() - 30] {
        let error = error(&complete[..end]);
        assert!(
            matches!(error, ParseError::Truncated | ParseError::Xml(_)),
            "{error}"
        );
    }
}
