//! Texts that publishing software adds to a post: trailers, labels, "read more", short codes.

use std::borrow::Cow;

/// Maximum characters of a block that is taken as a phrase of the software.
const MAX_PHRASE_CHARS: usize = 160;

/// Maximum characters of a trailer, which contains the title and the name of the blog.
const MAX_TRAILER_CHARS: usize = 400;

/// Phrases after which a text only links to the full post, in lower case.
const READ_MORE_PHRASES: [&str; 34] = [
    "continue reading",
    "read more",
    "read the rest",
    "read the full",
    "keep reading",
    "(more…)",
    "(more...)",
    "view post",
    "weiterlesen",
    "mehr lesen",
    "den ganzen beitrag lesen",
    "lire la suite",
    "continuer la lecture",
    "lire plus",
    "seguir leyendo",
    "sigue leyendo",
    "continuar leyendo",
    "leer más",
    "continua a leggere",
    "leggi tutto",
    "leggi di più",
    "ler mais",
    "leia mais",
    "continue lendo",
    "continuar a ler",
    "lees verder",
    "lees meer",
    "verder lezen",
    "læs mere",
    "läs mer",
    "les mer",
    "czytaj dalej",
    "続きを読む",
    "继续阅读",
];

/// Phrases of `WordPress`'s last line, "The post … appeared first on …", in lower case.
const TRAILER_PHRASES: [&str; 50] = [
    " appeared first on ",
    " first appeared on ",
    " erschien zuerst auf ",
    " est apparu en premier sur ",
    " est apparue en premier sur ",
    " se publicó primero en ",
    " apareció primero en ",
    " aparece primero en ",
    " blev først udgivet på ",
    " først udgivet på ",
    " dukket først opp på ",
    " dukka først opp på ",
    " apareceu primeiro em ",
    " apareceu primeiro no ",
    " aparece primeiro em ",
    " proviene da ",
    " sembra essere il primo su ",
    " è apparso per la prima volta su ",
    " verscheen eerst op ",
    " dök först upp på ",
    " först publicerad på ",
    " ilmestyi ensin ",
    " julkaistiin ensin ",
    " pojawił się poczatkowo na ",
    " pojawił się początkowo na ",
    " pojawił się pierwszy raz ",
    " pierwszy raz pojawił się ",
    " se nejdříve objevil na ",
    " nejdříve se objevil na ",
    " впервые появилась на ",
    " впервые появился на ",
    " сначала появилась на ",
    " появились сначала на ",
    " спочатку з’явився на ",
    " з'явився спочатку на ",
    " ilk önce ",
    " εμφανίστηκε πρώτα ",
    " először ",
    " apare prima dată în ",
    " a apărut prima dată ",
    " ha aparegut primer a ",
    " va aparèixer primer a ",
    " se prvi puta pojavila ",
    " pojavio se prvo ",
    " publicouse primeiro en ",
    "に最初に表示されました",
    "最先出现在",
    "最早出現於",
    " pertama kali tampil ",
    " xuất hiện đầu tiên ",
];

/// Blocks that are a label or a button, in lower case.
const LABELS: [&str; 20] = [
    "comments",
    "share this:",
    "share this",
    "share",
    "share this post",
    "like this:",
    "like loading...",
    "loading...",
    "permalink",
    "subscribe",
    "subscribe now",
    "leave a comment",
    "contents",
    "table of contents",
    "inhalt",
    "inhaltsverzeichnis",
    "sommaire",
    "índice",
    "teilen mit:",
    "partager :",
];

/// Words of a line that states the reading time, in lower case.
const READING_TIME_WORDS: [&str; 12] = [
    "reading time",
    "min read",
    "mins read",
    "minute read",
    "minutes read",
    "lesezeit",
    "temps de lecture",
    "tiempo de lectura",
    "tempo di lettura",
    "tempo de leitura",
    "leestijd",
    "lästid",
];

/// Names of short codes without an underscore.
const SHORT_CODES: [&str; 11] = [
    "caption",
    "gallery",
    "embed",
    "audio",
    "video",
    "playlist",
    "contact-form-7",
    "toc",
    "su",
    "ez-toc",
    "sourcecode",
];

/// Marks at the end of a text that the feed has truncated.
const TRUNCATION_MARKS: [&str; 6] = ["[…]", "[...]", "(…)", "(...)", "…", "..."];

/// Returns whether a block is a footer or label of a publishing tool.
pub(super) fn is_boilerplate(block: &str) -> bool {
    let lower = block.to_lowercase();
    let length = block.chars().count();
    let is_reddit = lower.starts_with("submitted by ") && lower.ends_with("[comments]");
    let is_subscription = lower.starts_with("thanks for reading") && lower.contains("subscribe");
    let is_read_more = READ_MORE_PHRASES
        .iter()
        .any(|phrase| lower.starts_with(phrase))
        && length < MAX_PHRASE_CHARS;
    let is_reading_time = length < 48
        && lower.contains(|c: char| c.is_ascii_digit())
        && READING_TIME_WORDS.iter().any(|words| lower.contains(words));
    is_reddit
        || is_subscription
        || is_read_more
        || is_reading_time
        || LABELS.contains(&lower.as_str())
        || !block
            .chars()
            .any(|c| c.is_alphanumeric() || is_pictograph(c))
}

/// Returns whether a block near the end of a text is a line such as "The post … appeared first
/// on …" (`WordPress`) or "… was originally published in … on Medium".
pub(super) fn is_trailer(block: &str) -> bool {
    let lower = block.to_lowercase();
    let is_medium = lower.contains(" originally published in ") && lower.contains(" on medium");
    block.chars().count() < MAX_TRAILER_CHARS
        && (is_medium || TRAILER_PHRASES.iter().any(|phrase| lower.contains(phrase)))
}

fn is_pictograph(c: char) -> bool {
    matches!(c, '\u{1F000}'..='\u{1FAFF}' | '\u{2600}'..='\u{27BF}')
}

/// Removes short codes such as `[vc_row]` and `[caption id="1"]…[/caption]`.
pub(super) fn strip_short_codes(block: &str) -> Cow<'_, str> {
    if !block.contains('[') {
        return Cow::Borrowed(block);
    }
    let mut kept = String::new();
    let mut rest = block;
    while let Some((before, after)) = rest.split_once('[') {
        kept.push_str(before);
        let end = after.find(']').filter(|end| is_short_code(&after[..*end]));
        match end {
            Some(end) => {
                let after_code = &after[end + 1..];
                let caption_end = after_code.split_once("[/caption]");
                rest = match caption_end.filter(|_| after.starts_with("caption")) {
                    Some((_, after_caption)) => after_caption,
                    None => after_code,
                };
            }
            None => {
                kept.push('[');
                rest = after;
            }
        }
    }
    kept.push_str(rest);
    Cow::Owned(kept.trim().to_owned())
}

fn is_short_code(inside: &str) -> bool {
    let name = inside.trim_start_matches('/');
    let name = name
        .split(|c: char| c.is_whitespace() || matches!(c, '/' | '='))
        .next()
        .unwrap_or_default();
    let is_identifier = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    SHORT_CODES.contains(&name) || (is_identifier && name.contains('_'))
}

/// Removes a phrase such as "Continue reading …" from the end of a block.
pub(super) fn strip_read_more(block: &str) -> &str {
    let lower = block.to_ascii_lowercase();
    let ends_sentence = |head: &str| {
        head.trim_end()
            .ends_with(['.', '!', '?', '…', ']', ')', '"', '”', '»', '—', '。'])
    };
    let start = READ_MORE_PHRASES
        .iter()
        .filter_map(|phrase| lower.rfind(phrase))
        .filter(|at| block.len() - at < MAX_PHRASE_CHARS && ends_sentence(&block[..*at]))
        .min();
    start.map_or(block, |at| block[..at].trim_end())
}

/// Removes a mark such as "[…]" from the end of a block. Returns whether there was one.
pub(super) fn strip_truncation_mark(block: &str) -> (&str, bool) {
    let trimmed = block.trim_end_matches(['→', '»', ' ']);
    let text = trimmed.trim_end();
    for mark in TRUNCATION_MARKS {
        if let Some(head) = text.strip_suffix(mark) {
            return (head.trim_end(), true);
        }
    }
    (block, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailer_is_recognized_in_several_languages() {
        for trailer in [
            "The post Bread appeared first on Blog.",
            "Der Beitrag Laden erschien zuerst auf Blog.",
            "L’article Boutique est apparu en premier sur Blog.",
            "Inlägget Bröd dök först upp på Blogg.",
            "Het bericht Brood verscheen eerst op Blog.",
            "Bread was originally published in The Loaf on Medium, where people are.",
        ] {
            assert!(is_trailer(trailer), "{trailer}");
        }
        assert!(!is_trailer("The paper was originally published in 1990."));
    }

    #[test]
    fn short_codes_are_removed() {
        assert_eq!(
            strip_short_codes("[vc_row][vc_column w=\"1\"]a[/vc_column]"),
            "a"
        );
        assert_eq!(strip_short_codes("[caption id=1]Photo[/caption] a"), "a");
        assert_eq!(
            strip_short_codes("see [1] and [the list]"),
            "see [1] and [the list]"
        );
    }
}
