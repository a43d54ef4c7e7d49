use super::*;

#[test]
fn page_html_renders_commonmark() {
    for (markdown, html) in [
        (
            "Hello *you*\nand **all**",
            "<p>Hello <em>you</em>\nand <strong>all</strong></p>",
        ),
        ("# A\n## B\n#### C", "<h2>A</h2>\n<h3>B</h3>\n<h4>C</h4>"),
        ("- a\n- b", "<ul><li>a</li>\n<li>b</li>\n</ul>"),
        ("3. a", "<ol start=\"3\"><li>a</li>\n</ol>"),
        ("> q", "<blockquote><p>q</p>\n</blockquote>"),
        ("a  \nb `c<d`", "<p>a<br />\nb <code>c&lt;d</code></p>"),
        (
            "```rust\nlet a = \"<b>\";\n```",
            "<pre>let a = &quot;&lt;b&gt;&quot;;\n</pre>",
        ),
        (
            "[lab](https://example.com/?a=1&b=\"2\") <ada@example.com>",
            "<p><a href=\"https://example.com/?a=1&amp;b=%222%22\">lab</a> <a href=\"mailto:ada@example.com\">ada@example.com</a></p>",
        ),
        ("", ""),
    ] {
        assert_eq!(to_page_html(markdown), html, "{markdown}");
    }
}

#[test]
fn page_html_escapes_scripts_and_drops_images() {
    for (markdown, html) in [
        (
            "<script>alert(1)</script>",
            "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>",
        ),
        (
            "a <b onclick=\"x\">b</b>",
            "<p>a &lt;b onclick=&quot;x&quot;&gt;b&lt;/b&gt;</p>",
        ),
        ("[x](javascript:alert(1))", "<p>x</p>"),
        (
            "[x](data:text/html,hello) [y](/admin) [z](vbscript:a)",
            "<p>x y z</p>",
        ),
        ("![a *cat*](https://tracker.example/1.gif)", "<p>a cat</p>"),
        (
            "[![pixel](https://t.example/1.gif)](https://example.com)",
            "<p><a href=\"https://example.com/\">pixel</a></p>",
        ),
        ("<!-- a -->", "<p>&lt;!-- a --&gt;</p>"),
    ] {
        assert_eq!(
            to_page_html(markdown).replace("\n</p>", "</p>"),
            html,
            "{markdown}"
        );
    }
}

#[test]
fn mail_html_has_inline_styles() {
    let html = to_mail_html("# Hi\n\n[lab](https://example.com)\n\n> - a\n\n---");
    for tag in [
        "<h2 style=",
        "<p style=",
        "<a href=\"https://example.com/\" style=",
        "<blockquote class=\"line\" style=",
        "<ul style=",
        "<hr class",
    ] {
        assert!(html.contains(tag), "{tag} in {html}");
    }
}

#[test]
fn page_html_limits_nesting_and_stays_balanced() {
    let html = to_page_html(&format!("{}a", "> ".repeat(2000)));
    assert_eq!(html.matches("<blockquote>").count(), MAX_DEPTH);
    assert_eq!(html.matches("</blockquote>").count(), MAX_DEPTH);
    let html = to_page_html(&"*a **b ".repeat(700));
    assert_eq!(html.matches("<em>").count(), html.matches("</em>").count());
}

#[test]
fn text_keeps_lists_quotes_and_link_targets() {
    for (markdown, expected) in [
        (
            "# Hello\nWe *are* at\n[the **lab**](https://example.com/lab).",
            "Hello\n\nWe are at\nthe lab <https://example.com/lab>.",
        ),
        (
            "<https://example.com> <ada@example.com>",
            "https://example.com ada@example.com",
        ),
        ("[ask](mailto:ada@example.com)", "ask <ada@example.com>"),
        ("a\n\n- b\n- c\n  - d\n\ne", "a\n\n- b\n- c\n  - d\n\ne"),
        ("1. a\n\n   b\n2. c", "1. a\n\n  b\n2. c"),
        ("> a\n> b\n>\n> c\n\nd", "> a\n> b\n>\n> c\n\nd"),
        ("```\na\n  b\n```\nc", "    a\n      b\n\nc"),
        ("a\n\n---\n\n<b>x</b>", "a\n\n---\n\n<b>x</b>"),
        ("![a cat](https://t.example/1.gif)", "a cat"),
    ] {
        assert_eq!(to_text(markdown), expected, "{markdown}");
    }
}
