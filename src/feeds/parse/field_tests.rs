//! Words and images of items as blogging software writes them, from bytes to posts.

use super::*;

/// A text that is an excerpt of its own.
const TEXT: &str = "The miller opened a new mill on the hill. It grinds rye and oats.";

fn posts(document: &str) -> Vec<FeedPost> {
    let base = Url::parse("https://blog.example/feed").unwrap();
    parse(document.as_bytes(), Some(&base)).unwrap().posts
}

fn escape(html: &str) -> String {
    html.replace('&', "&amp;").replace('<', "&lt;")
}

/// Reads an RSS item with these child elements.
fn rss_item(fields: &str) -> FeedPost {
    let document = format!(
        "<rss version='2.0' xmlns:content='http://purl.org/rss/1.0/modules/content/' xmlns:media='http://search.yahoo.com/mrss/' \
         xmlns:dc='http://purl.org/dc/elements/1.1/'><channel><title>Mill</title><link>https://blog.example/</link>\
         <item><link>https://blog.example/1</link>{fields}</item></channel></rss>"
    );
    posts(&document).remove(0)
}

fn described(html: &str) -> FeedPost {
    rss_item(&format!(
        "<title>t</title><description>{}</description>",
        escape(html)
    ))
}

fn with_content(html: &str) -> FeedPost {
    rss_item(&format!(
        "<title>t</title><content:encoded><![CDATA[{html}]]></content:encoded>"
    ))
}

fn json_item(fields: &str) -> FeedPost {
    posts(&format!(
        r#"{{"version":"https://jsonfeed.org/version/1.1","title":"Mill","items":[{{"id":"1","url":"https://blog.example/1",{fields}}}]}}"#
    ))
    .remove(0)
}

#[test]
fn rss_title_keeps_the_tags_it_speaks_of() {
    for (title, expected) in [
        (
            "The <script> tag, and when to defer it",
            "The <script> tag, and when to defer it",
        ),
        (
            "When to use <br> and when not",
            "When to use <br> and when not",
        ),
        ("<h2>Bread is back</h2>", "Bread is back"),
        ("if a<b and c=d then x>y", "if a<b and c=d then x>y"),
        ("<button>Order</button> by Friday", "Order by Friday"),
        ("<pre>make bread</pre> is slow", "make bread is slow"),
        ("The <style> element", "The <style> element"),
        ("<strong>Bread</strong> &amp; oats", "Bread & oats"),
        ("<![CDATA[Bread]]>", "Bread"),
    ] {
        let item = rss_item(&format!("<title>{}</title>", escape(title)));
        assert_eq!(item.title, expected);
    }
    assert_eq!(
        json_item(r#""title":"The <script> tag &amp; more""#).title,
        "The <script> tag &amp; more"
    );
}

#[test]
fn missing_title_has_words_of_the_text() {
    for (text, expected) in [
        (".NET 10 is out.", "NET 10 is out"),
        ("1. Open it. 2. Close it.", "Open it"),
        ("?! What was that", "What was that"),
        ("Ha. That is why we bake at night.", "That is why we bake"),
        (
            "<p>So! We are open on Sundays too.</p><p>#bread</p>",
            "We are open on Sundays",
        ),
        ("<p>1. 2. 3. Go and get your bread.</p>", "Go and get"),
        ("🍞. Fresh from the oven.", "Fresh from the oven"),
        (
            "<p><img src='https://blog.example/1.jpg'></p>",
            "blog.example",
        ),
        (
            "No. Oats are never ground on Sundays.",
            "Oats are never ground",
        ),
    ] {
        let item = rss_item(&format!("<description>{}</description>", escape(text)));
        assert!(item.title.contains(expected), "{text}: {}", item.title);
    }
}

#[test]
fn image_is_the_largest_of_the_post() {
    for (html, expected) in [
        ("<img src='w.jpg' width='1200'>", Some("w.jpg")),
        (
            "<p>News <img src='/wp-includes/images/smilies/grin.png' alt=':grin:' class='wp-smiley'></p><img src='r.jpg'>",
            Some("r.jpg"),
        ),
        (
            "<figure class='kg-card kg-bookmark-card'><img src='https://o.example/logo.png'></figure><img src='r.jpg'>",
            Some("r.jpg"),
        ),
        (
            "<img src='placeholder.gif' data-lazy-src='r.jpg'>",
            Some("r.jpg"),
        ),
        ("<img src='blank.gif' data-original='r.jpg'>", Some("r.jpg")),
        ("<img data-src='' src='r.jpg'>", Some("r.jpg")),
        (
            "<img src='dot.png' style='width:1px;height:1px'><img src='r.jpg'>",
            Some("r.jpg"),
        ),
        (
            "<img src='data:image/svg+xml,x' srcset='r-400.jpg 400w, r.jpg 800w'>",
            Some("r.jpg"),
        ),
        ("<img src='a.avif'><img src='r.jpg'>", Some("r.jpg")),
        ("<img src='a.avif'>", None),
        ("<picture><source srcset='r.jpg'></picture>", Some("r.jpg")),
        (
            "<picture><source type='image/webp' srcset='r 900w'><img src='r.jpg'></picture>",
            Some("r.jpg"),
        ),
        (
            "<img class='author-avatar avatar' src='me.jpg' width='300'>",
            None,
        ),
        (
            "<img src='s.jpg' width='300'><img src='l.jpg' width='900'>",
            Some("l.jpg"),
        ),
        (
            "<img src='seen.png' style='display: none'><img src='r.jpg'>",
            Some("r.jpg"),
        ),
        ("<img src='tall.png' style='height: 1px'>", None),
        (
            "<img src='loading.svg' data-srcset='s.jpg 300w, r.jpg 900w'>",
            Some("r.jpg"),
        ),
        ("<img src='t.jpg' width='120' height='90'>", None),
        (
            "<div hidden><img src='h.jpg'></div><img src='r.jpg'>",
            Some("r.jpg"),
        ),
        ("<img src='o-300x200.jpg'><img src='l.jpg'>", Some("l.jpg")),
    ] {
        let image = with_content(&format!("<p>{TEXT}</p>{html}")).image;
        let expected = expected.map(|name| format!("https://blog.example/{name}"));
        assert_eq!(image.map(String::from), expected, "{html}");
    }
    let thumbnail = "<media:thumbnail url='https://blog.example/s72-c/a.jpg' width='72' height='72'/>\
                     <content:encoded><![CDATA[<img src='w.jpg' width='1200'>]]></content:encoded>";
    let image = rss_item(thumbnail).image.map(String::from);
    assert_eq!(image.as_deref(), Some("https://blog.example/w.jpg"));
}

#[test]
fn excerpt_has_no_part_of_the_software() {
    for around in [
        "<div class='subscription-widget-wrap-editor'><p class='cta-caption'>Thanks for reading!</p></div>@",
        "<p class='button-wrapper'><a class='button primary'><span>Share</span></a></p>@",
        "<div class='sharedaddy'><h3>Share this:</h3><ul><li><a>Facebook</a></li></ul></div>@",
        "<div class='wp-caption'><img src='w.jpg'><p class='wp-caption-text'>The oven.</p></div>@",
        "<p>[vc_row][vc_column]</p>@",
        "<p>Reading time: 4 minutes</p>@",
        "<p>5 min read</p>@",
        "<span style='display:none'>Only for the preview.</span><p hidden>Not seen.</p>@",
        "<a class='screen-reader-text' href='#x'>Skip to the text.</a>@",
        "<figure class='kg-card kg-bookmark-card'><a><div>Another site</div></a></figure>@",
        "<div class='toc'><p>Contents</p><ul><li>Bread</li><li>Cake</li></ul></div>@",
        "@<hr><p><a href='#'>Post</a> was originally published in <a>The Loaf</a> on Medium, where people talk.</p>",
        "@<p>Der Beitrag <a>Laden</a> erschien zuerst auf <a>Blog</a>.</p>",
        "@<p>O post <a>Padaria</a> apareceu primeiro em <a>Blog</a>.</p>",
        "@<p>Indlægget <a>Butikken</a> blev først udgivet på <a>Blog</a>.</p>",
        "@<p><a class='more-link'>Seguir leyendo <span>Tienda</span></a></p>",
        "<table><tr><td>@</td></tr></table>",
        "<table width='600'><tbody><tr><td><table><tr><td>@</td></tr></table></td></tr></tbody></table>",
    ] {
        let html = around.replace('@', &format!("<p>{TEXT}</p>"));
        assert_eq!(with_content(&html).excerpt, TEXT, "{around}");
    }
    assert_eq!(
        described("<p>Der Laden am Fluss ist offen, wie immer am Freitag [&#8230;]</p><p>Der Beitrag <a>Laden</a> erschien zuerst auf <a>Blog</a>.</p>").excerpt,
        "Der Laden am Fluss ist offen, wie immer am Freitag…"
    );
    assert_eq!(
        described("&lt;p&gt;The &lt;b&gt;second&lt;/b&gt; shop is open.&lt;/p&gt;").excerpt,
        "The second shop is open."
    );
    assert_eq!(
        described("Write &lt;b&gt; for bold words.").excerpt,
        "Write <b> for bold words."
    );
}

#[test]
fn excerpt_does_not_end_within_a_word() {
    let item = rss_item(
        "<description>The baker opened a second shop by the river, and it sells br</description>\
         <content:encoded>The baker opened a second shop by the river, and it sells bread. It also sells cake.</content:encoded>",
    );
    assert!(
        item.excerpt.contains("and it sells bread."),
        "{}",
        item.excerpt
    );
    assert_eq!(
        described("The baker opened a second shop. It stands by the river, and it sells br")
            .excerpt,
        "The baker opened a second shop."
    );
}

#[test]
fn excerpt_does_not_end_at_an_abbreviation() {
    let start = "A miller who has ground rye and oats on a hill above a small town for more than thirty years, as his \
                 mother and the mother of his mother did before him, and as his daughter will in a year or two,";
    for (end, abbreviation) in [
        (
            "will start the new mill on Tuesday, Aug. 6. Everyone may come.",
            "Aug.",
        ),
        (
            "sells all that he makes in the U.S. Capitol, where they want it. There is cake.",
            "U.S.",
        ),
        (
            "was there from 6 a.m. Monday on and took some flour along. There is cake.",
            "a.m.",
        ),
        (
            "gives the old mill to a former officer, Capt. Anna Weber. There is cake.",
            "Capt.",
        ),
        (
            "verkauft auch Brote, Kuchen, Hefe u. a. Dinge auf dem Markt. There is cake.",
            "u. a.",
        ),
        (
            "beginnt am Dienstag, dem 6. August, mit dem Backen. There is cake.",
            "6.",
        ),
        (
            "met J. Weber, who is a baker in the next town. There is cake.",
            "J.",
        ),
    ] {
        let excerpt = described(&format!("{start} {end}")).excerpt;
        assert!(!excerpt.ends_with(abbreviation), "{excerpt}");
    }
}

#[test]
fn blocks_do_not_run_together() {
    for (html, expected) in [
        (
            "<p>What is new, in short:</p><ul><li>a new oven</li><li>rye bread on Fridays</li><li>coffee</li></ul>",
            "What is new, in short: a new oven · rye bread on Fridays · coffee",
        ),
        (
            "<dl><dt>Rye</dt><dd>baked on Fridays</dd><dt>Spelt</dt><dd>baked on Mondays</dd></dl>",
            "Rye · baked on Fridays · Spelt · baked on Mondays",
        ),
        (
            "<div>Bread is baked at night</div><div>Cake is baked by day</div>",
            "Bread is baked at night. Cake is baked by day",
        ),
        (
            "<p>Everybody knows this by now.<sup id='fnref:1'><a href='#fn:1' class='footnote'>1</a></sup> The rest is told in the paper.</p>",
            "Everybody knows this by now. The rest is told in the paper.",
        ),
        (
            "<p>The field has 40 m<sup>2</sup> of rye.<sup>[3]</sup></p>",
            "The field has 40 m2 of rye.",
        ),
        (
            "<p>The second shop is open <img src='https://s.w.org/images/core/emoji/15/72x72/1f389.png' alt='🎉' class='wp-smiley'>, and all are glad.</p>",
            "The second shop is open 🎉, and all are glad.",
        ),
    ] {
        let item = with_content(html);
        assert_eq!(item.excerpt, expected);
        assert_eq!(item.image, None);
    }
}

#[test]
fn chinese_summary_counts_as_long_as_it_reads() {
    let item = rss_item(
        "<description>河边的第二家面包店在上周五开门了，每天早上七点都有热面包。</description>\
         <content:encoded>今天先说说天气。昨天下了雨。明天会放晴。</content:encoded>",
    );
    assert!(item.excerpt.starts_with("河边"), "{}", item.excerpt);
}

#[test]
fn author_entities_are_decoded() {
    let field = "<dc:creator><![CDATA[Rye &amp; Son]]></dc:creator>";
    assert_eq!(rss_item(field).author.as_deref(), Some("Rye & Son"));
}

fn atom_entry(fields: &str) -> FeedPost {
    posts(&format!(
        "<feed xmlns='http://www.w3.org/2005/Atom' xmlns:media='http://search.yahoo.com/mrss/' \
         xmlns:thr='http://purl.org/syndication/thread/1.0'><title>Mill</title><link href='https://blog.example/'/>\
         <entry><id>urn:1</id><title>t</title>{fields}</entry><author><name>The Shop</name></author></feed>"
    ))
    .remove(0)
}

#[test]
fn atom_markup_that_is_not_escaped_keeps_its_words() {
    for (field, expected) in [
        (
            "<content type='html'>\n <p>The shop moved last week. It is larger.</p></content>",
            "The shop moved last week. It is larger.",
        ),
        (
            "<content type='html'>Bread first, <b>cake</b> then, and coffee.</content>",
            "Bread first, cake then, and coffee.",
        ),
        (
            "<summary>Bread first, <b>cake</b> then, and coffee.</summary>",
            "Bread first, cake then, and coffee.",
        ),
        (
            "<summary>Une phrase enti&egrave;re sur le pain.</summary>",
            "Une phrase entière sur le pain.",
        ),
        (
            "<content type='application/octet-stream'>VGhlIHNob3A=</content>",
            "",
        ),
    ] {
        let entry = atom_entry(&format!("<link href='/1'/>{field}"));
        assert_eq!(entry.excerpt, expected, "{field}");
    }
    let entry = atom_entry(
        "<link href='/1'/><content type='text/html'><div><img src='https://blog.example/oven.jpg'/><p>A text.</p></div></content>",
    );
    assert!(entry.image.is_some());
}

#[test]
fn item_without_link_has_enclosure_or_home() {
    let link = |fields: &str| {
        let document = format!(
            "<rss version='2.0' xmlns:atom='http://www.w3.org/2005/Atom'><channel><title>Mill</title>\
             <link>https://blog.example/</link><item><title>t</title>{fields}</item></channel></rss>"
        );
        let post = posts(&document).into_iter().next();
        post.and_then(|post| post.link).map(String::from)
    };
    let text = format!("<description>{TEXT}</description>");
    for (fields, expected) in [
        (
            format!(
                "<guid isPermaLink='false'>x</guid><enclosure url='https://pod.example/13.mp3' length='1' type='audio/mpeg'/>{text}"
            ),
            Some("https://pod.example/13.mp3"),
        ),
        ("<guid>/b</guid>".into(), Some("https://blog.example/b")),
        (
            format!("<guid isPermaLink='false'>2EC9</guid>{text}"),
            Some("https://blog.example/"),
        ),
        ("<guid isPermaLink='false'>2EC9</guid>".into(), None),
        (format!("<link>javascript:alert(1)</link>{text}"), None),
        (
            "<link>www.blog.example/b</link>".into(),
            Some("https://www.blog.example/b"),
        ),
        (
            "<link>https://blog.example/?p=1&amp;amp;q=2</link>".into(),
            Some("https://blog.example/?p=1&q=2"),
        ),
    ] {
        assert_eq!(link(&fields).as_deref(), expected, "{fields}");
    }
    let related = atom_entry("<link rel='related' href='https://blog.example/related'/>");
    assert_eq!(related.link.unwrap().path(), "/related");
}

#[test]
fn authors_are_joined_and_inherited() {
    let author = |fields: &str| {
        atom_entry(&format!("<link href='/1'/>{fields}"))
            .author
            .unwrap()
    };
    assert_eq!(
        author("<author><name>Ann</name></author><author><name>Bo</name></author>"),
        "Ann and Bo"
    );
    assert_eq!(author(""), "The Shop");
    assert_eq!(
        atom_entry("<link href='/1'/><thr:total>31</thr:total>").comments,
        Some(31)
    );
    let json = json_item(
        r#""title":"t","authors":[{"name":"Ann"},{"name":"Bo"}],"content_html":"","content_text":"A text.","attachments":[{"url":"https://blog.example/2.jpg","mime_type":"image/jpeg"}]"#,
    );
    assert_eq!(json.author.as_deref(), Some("Ann and Bo"));
    assert_eq!(json.excerpt, "A text.");
    assert!(json.image.is_some());
}
