use super::*;
use crate::feeds::html;

fn of(summary: &str, content: &str) -> String {
    excerpt(&html::read(summary), &html::read(content), "The title")
}

const LONG: &str = "This sentence is about as long as sentences in posts tend to be, which is some ninety letters.";

#[test]
fn whole_sentences_up_to_three() {
    assert_eq!(
        of(
            "",
            "<p>One is a sentence that stands here. Two is here, and it is a longer one! Is three not here, for everyone who reads this to read it? Four is not.</p>"
        ),
        "One is a sentence that stands here. Two is here, and it is a longer one! Is three not here, for everyone who reads this to read it?"
    );
    assert_eq!(
        of("", "<p>So? So! So. So short that more may stand.</p>"),
        "So? So! So. So short that more may stand."
    );
    let long = format!("<p>{LONG} {LONG}</p><p>{LONG} {LONG}</p>");
    assert_eq!(of("", &long), format!("{LONG} {LONG} {LONG}"));
    assert_eq!(
        of("", "<p>First paragraph</p><p>Second one.</p>"),
        "First paragraph Second one."
    );
}

#[test]
fn one_endless_sentence_is_cut_at_a_word() {
    let cut = of("", &"word and ".repeat(200));
    assert!(
        cut.chars().count() <= MAX && cut.ends_with("word and…") || cut.ends_with("word…"),
        "{cut}"
    );
    assert_eq!(of("", &"字".repeat(1000)).chars().count(), MAX);
}

#[test]
fn abbreviations_and_initials_end_nothing() {
    let split = |text: &str| split(text).len();
    assert_eq!(
        split("We met Dr. Smith and J. R. R. Tolkien there. He left."),
        2
    );
    assert_eq!(
        split("Some parts, e.g. This one, stay. So did I. Then we left."),
        3
    );
    assert_eq!(split("Version 2.0 is out. See example.com for it."), 2);
}

#[test]
fn the_better_of_summary_and_content() {
    let content =
        "<p>The post begins with this sentence. And it goes on with another one of them.</p>";
    let begins = "The post begins with this sentence. And it goes on with another one of them.";
    assert_eq!(
        of(
            "A summary, written by the author for the reader of it.",
            content
        ),
        "A summary, written by the author for the reader of it."
    );
    assert_eq!(of("Too short.", content), begins);
    assert_eq!(
        of(
            "The post begins with this sentence. And it goes […]",
            content
        ),
        begins
    );
    assert_eq!(of("Comments", content), begins);
    assert_eq!(
        of("Short, and all there is.", ""),
        "Short, and all there is."
    );
    assert_eq!(of("", ""), "");
}

#[test]
fn what_the_feed_cut_ends_at_a_sentence_or_says_so() {
    assert_eq!(
        of(
            "This first sentence is a whole sentence. And this one is [&#8230;]",
            ""
        ),
        "This first sentence is a whole sentence."
    );
    assert_eq!(
        of("Only half a sentence that goes on [...]", ""),
        "Only half a sentence that goes on…"
    );
    assert_eq!(
        of("Only half a sentence that goes on…", ""),
        "Only half a sentence that goes on…"
    );
}

#[test]
fn boilerplate_is_left_out() {
    let text = "<p>What the post says is in here, and nowhere else.</p>";
    let says = "What the post says is in here, and nowhere else.";
    for boilerplate in [
        "<p>The post <a href=x>The title</a> appeared first on <a href=y>Blog</a>.</p>",
        "&#32; submitted by &#32; <a href=x> /u/someone </a> <br/> <span><a href=y>[link]</a></span> <span><a>[comments]</a></span>",
        "<p><a href=x>Continue reading &ldquo;The title&rdquo;</a></p>",
        "<p><a href=x>Read more →</a></p>",
        "<p>***</p>",
        "<h2>A heading</h2>",
    ] {
        assert_eq!(
            of("", &format!("{text}{boilerplate}")),
            says,
            "{boilerplate}"
        );
    }
    assert_eq!(of("", &format!("<p>The title</p>{text}")), says);
    assert_eq!(
        of(
            "<p>What the post says is in here, and nowhere else. <a class=more-link>Continue reading <span>The title</span></a></p>",
            ""
        ),
        says
    );
    assert_eq!(
        of(
            "",
            "<p>I continue reading more books than I read more blogs.</p>"
        ),
        "I continue reading more books than I read more blogs."
    );
}

#[test]
fn minutes_are_told_from_whole_texts_only() {
    let words = |count: usize| html::read(&format!("<p>{}.</p>", "word ".repeat(count).trim()));
    let none = Prose::default();
    assert_eq!(minutes(&none, &words(880)), Some(4));
    assert_eq!(minutes(&none, &words(110)), Some(1));
    assert_eq!(minutes(&none, &words(40)), None);
    assert_eq!(minutes(&words(440), &none), Some(2));
    assert_eq!(minutes(&words(200), &none), None);
    assert_eq!(minutes(&words(300), &words(150)), None);
    assert_eq!(
        minutes(&none, &html::read(&format!("{} […]", "word ".repeat(300)))),
        None
    );
    let teaser = format!(
        "<p>{} […]</p><p>The post X appeared first on Y.</p>",
        "word ".repeat(300)
    );
    assert_eq!(minutes(&none, &html::read(&teaser)), None);
    assert_eq!(minutes(&none, &html::read(&"字".repeat(880))), Some(2));
    assert_eq!(
        minutes(&none, &html::read(&"word ".repeat(html::MAX_BYTES))),
        None
    );
}
