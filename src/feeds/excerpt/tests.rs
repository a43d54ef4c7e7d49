use super::*;
use crate::feeds::html;

fn excerpt(summary: &str, content: &str) -> String {
    build_excerpt(
        &html::extract_text(summary),
        &html::extract_text(content),
        "The title",
    )
}

const LONG: &str = "This sentence is about as long as sentences in posts tend to be, which is some ninety letters.";

#[test]
fn excerpt_has_up_to_three_sentences() {
    assert_eq!(
        excerpt(
            "",
            "<p>One is a sentence that stands here. Two is here, and it is a longer one! Is three not here, for everyone who reads this to read it? Four is not.</p>"
        ),
        "One is a sentence that stands here. Two is here, and it is a longer one! Is three not here, for everyone who reads this to read it?"
    );
    assert_eq!(
        excerpt("", "<p>So? So! So. So short that more may stand.</p>"),
        "So? So! So. So short that more may stand."
    );
    let long = format!("<p>{LONG} {LONG}</p><p>{LONG} {LONG}</p>");
    assert_eq!(excerpt("", &long), format!("{LONG} {LONG} {LONG}"));
    assert_eq!(
        excerpt("", "<p>First paragraph</p><p>Second one.</p>"),
        "First paragraph · Second one."
    );
}

#[test]
fn long_sentence_is_truncated_at_word() {
    let cut = excerpt("", &"word and ".repeat(200));
    assert!(
        cut.chars().count() <= MAX_CHARS && cut.ends_with("word and…") || cut.ends_with("word…"),
        "{cut}"
    );
    assert_eq!(excerpt("", &"字".repeat(1000)).chars().count(), MAX_CHARS);
}

#[test]
fn abbreviation_does_not_end_sentence() {
    let count = |text: &str| split_sentences(text).len();
    assert_eq!(
        count("We met Dr. Smith and J. R. R. Tolkien there. He left."),
        2
    );
    assert_eq!(
        count("Some parts, e.g. This one, stay. So did I. Then we left."),
        3
    );
    assert_eq!(count("Version 2.0 is out. See example.com for it."), 2);
}

#[test]
fn excerpt_prefers_complete_summary() {
    let content =
        "<p>The post begins with this sentence. And it goes on with another one of them.</p>";
    let begins = "The post begins with this sentence. And it goes on with another one of them.";
    assert_eq!(
        excerpt(
            "A summary, written by the author for the reader of it.",
            content
        ),
        "A summary, written by the author for the reader of it."
    );
    assert_eq!(excerpt("Too short.", content), begins);
    assert_eq!(
        excerpt(
            "The post begins with this sentence. And it goes […]",
            content
        ),
        begins
    );
    assert_eq!(excerpt("Comments", content), begins);
    assert_eq!(
        excerpt("Short, and all there is.", ""),
        "Short, and all there is."
    );
    assert_eq!(excerpt("", ""), "");
}

#[test]
fn truncated_summary_ends_at_sentence_or_ellipsis() {
    assert_eq!(
        excerpt(
            "This first sentence is a whole sentence. And this one is [&#8230;]",
            ""
        ),
        "This first sentence is a whole sentence."
    );
    assert_eq!(
        excerpt("Only half a sentence that goes on [...]", ""),
        "Only half a sentence that goes on…"
    );
    assert_eq!(
        excerpt("Only half a sentence that goes on…", ""),
        "Only half a sentence that goes on…"
    );
}

#[test]
fn boilerplate_is_removed() {
    let text = "<p>What the post says is in here, and nowhere else.</p>";
    let expected = "What the post says is in here, and nowhere else.";
    for boilerplate in [
        "<p>The post <a href=x>The title</a> appeared first on <a href=y>Blog</a>.</p>",
        "&#32; submitted by &#32; <a href=x> /u/someone </a> <br/> <span><a href=y>[link]</a></span> <span><a>[comments]</a></span>",
        "<p><a href=x>Continue reading &ldquo;The title&rdquo;</a></p>",
        "<p><a href=x>Read more →</a></p>",
        "<p>***</p>",
        "<h2>A heading</h2>",
    ] {
        assert_eq!(
            excerpt("", &format!("{text}{boilerplate}")),
            expected,
            "{boilerplate}"
        );
    }
    assert_eq!(excerpt("", &format!("<p>The title</p>{text}")), expected);
    assert_eq!(
        excerpt(
            "<p>What the post says is in here, and nowhere else. <a class=more-link>Continue reading <span>The title</span></a></p>",
            ""
        ),
        expected
    );
    assert_eq!(
        excerpt(
            "",
            "<p>I continue reading more books than I read more blogs.</p>"
        ),
        "I continue reading more books than I read more blogs."
    );
}

#[test]
fn reading_time_requires_full_text() {
    let words =
        |count: usize| html::extract_text(&format!("<p>{}.</p>", "word ".repeat(count).trim()));
    let none = ExtractedText::default();
    assert_eq!(estimate_reading_minutes(&none, &words(880)), Some(4));
    assert_eq!(estimate_reading_minutes(&none, &words(110)), Some(1));
    assert_eq!(estimate_reading_minutes(&none, &words(40)), None);
    assert_eq!(estimate_reading_minutes(&words(440), &none), Some(2));
    assert_eq!(estimate_reading_minutes(&words(200), &none), None);
    assert_eq!(estimate_reading_minutes(&words(300), &words(150)), None);
    assert_eq!(
        estimate_reading_minutes(
            &none,
            &html::extract_text(&format!("{} […]", "word ".repeat(300)))
        ),
        None
    );
    let teaser = format!(
        "<p>{} […]</p><p>The post X appeared first on Y.</p>",
        "word ".repeat(300)
    );
    assert_eq!(
        estimate_reading_minutes(&none, &html::extract_text(&teaser)),
        None
    );
    assert_eq!(
        estimate_reading_minutes(&none, &html::extract_text(&"字".repeat(880))),
        Some(2)
    );
    assert_eq!(
        estimate_reading_minutes(&none, &html::extract_text(&"word ".repeat(html::MAX_BYTES))),
        None
    );
}
