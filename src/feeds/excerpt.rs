//! Excerpt of a post: two or three complete sentences.

use unicode_segmentation::UnicodeSegmentation;

use crate::feeds::html::ExtractedText;
use crate::feeds::text::truncate_at_word;

/// Length in characters from which an excerpt needs no further sentence.
const TARGET_CHARS: usize = 200;

/// Maximum characters up to which a further sentence is added.
const SOFT_MAX_CHARS: usize = 320;

/// Maximum characters of an excerpt. A longer first sentence is truncated.
const MAX_CHARS: usize = 400;

/// Maximum number of sentences, unless the excerpt is shorter than [`MIN_CHARS`].
const MAX_SENTENCES: usize = 3;

/// Length in characters below which more than [`MAX_SENTENCES`] are used.
const MIN_CHARS: usize = 120;

/// Minimum characters of a summary. The first sentences of the content say more than a
/// shorter one.
const MIN_SUMMARY_CHARS: usize = 40;

/// Average reading speed of adults for non-fiction text.
const WORDS_PER_MINUTE: usize = 220;

/// Minimum words for a reading time. A shorter text may be a teaser.
const MIN_TEXT_WORDS: usize = 100;

/// Number of words from which a summary is taken as the full text, for feeds that have only
/// one field.
const FULL_TEXT_SUMMARY_WORDS: usize = 300;

/// Phrases after which a text only links to the full post.
const READ_MORE_PHRASES: [&str; 8] = [
    "continue reading",
    "read more",
    "read the rest",
    "read the full",
    "keep reading",
    "(more…)",
    "(more...)",
    "view post",
];

/// Marks at the end of a text that the feed has truncated.
const TRUNCATION_MARKS: [&str; 6] = ["[…]", "[...]", "(…)", "(...)", "…", "..."];

/// Abbreviations after which a full stop does not end a sentence.
const ABBREVIATIONS: [&str; 22] = [
    "Mr", "Mrs", "Ms", "Dr", "Prof", "St", "Jr", "Sr", "No", "vs", "etc", "e.g", "i.e", "cf",
    "approx", "Inc", "Ltd", "Fig", "Nr", "bzw", "z.B", "Bd",
];

/// Sentences of a text.
#[derive(Debug, Default)]
struct Sentences {
    /// The sentences, each with the white space after it.
    sentences: Vec<String>,
    /// Whether the feed has truncated the text.
    is_truncated: bool,
}

/// Builds the excerpt from the summary, or from the content if the summary is short or
/// truncated. Returns an empty string if there is no text.
pub(super) fn build_excerpt(
    summary: &ExtractedText,
    content: &ExtractedText,
    title: &str,
) -> String {
    let from_summary = split_text(summary, title);
    let from_content = split_text(content, title);
    let summary_length: usize = from_summary
        .sentences
        .iter()
        .map(|sentence| sentence.chars().count())
        .sum();
    let is_poor = from_summary.is_truncated || summary_length < MIN_SUMMARY_CHARS;
    if from_summary.sentences.is_empty() || (is_poor && !from_content.sentences.is_empty()) {
        join_sentences(&from_content)
    } else {
        join_sentences(&from_summary)
    }
}

/// Returns the first sentence of `text` without its full stop, for use as a title.
pub(super) fn first_sentence(text: &str) -> String {
    let first = split_sentences(text).into_iter().next().unwrap_or_default();
    let first = first.trim_end();
    first
        .strip_suffix('.')
        .filter(|head| !head.ends_with('.'))
        .unwrap_or(first)
        .to_owned()
}

/// Estimates the minutes to read the post, if the feed seems to contain its full text.
pub(super) fn estimate_reading_minutes(
    summary: &ExtractedText,
    content: &ExtractedText,
) -> Option<u32> {
    let summary_words = count_words(summary);
    let (text, count) = match count_words(content) {
        0 if summary_words >= FULL_TEXT_SUMMARY_WORDS => (summary, summary_words),
        count if count >= summary_words => (content, count),
        _ => return None,
    };
    let last = text.blocks.iter().rfind(|block| !is_boilerplate(block));
    let is_truncated = last.is_some_and(|last| strip_truncation_mark(strip_read_more(last)).1);
    let is_full_text = text.is_complete && !is_truncated && count >= MIN_TEXT_WORDS;
    let minutes = (count + WORDS_PER_MINUTE / 2) / WORDS_PER_MINUTE;
    is_full_text.then(|| u32::try_from(minutes.max(1)).unwrap_or(u32::MAX))
}

/// Counts the words of a text. In scripts without spaces, two characters count as a word.
fn count_words(text: &ExtractedText) -> usize {
    let is_ideograph = |word: &str| {
        word.starts_with(|c| matches!(c, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}'))
    };
    let words = text.blocks.iter().flat_map(|block| block.unicode_words());
    words
        .map(|word| if is_ideograph(word) { 1 } else { 2 })
        .sum::<usize>()
        / 2
}

/// Splits a text into sentences, without boilerplate and the title. Stops when there is
/// enough for an excerpt.
fn split_text(text: &ExtractedText, title: &str) -> Sentences {
    let mut result = Sentences::default();
    let mut length = 0;
    for block in &text.blocks {
        if is_boilerplate(block) || block == title {
            continue;
        }
        let (block, is_truncated) = strip_truncation_mark(strip_read_more(block));
        result.is_truncated |= is_truncated;
        for sentence in split_sentences(block) {
            length += sentence.chars().count();
            result.sentences.push(sentence);
        }
        if let Some(last) = result.sentences.last_mut()
            && !last.ends_with(' ')
        {
            last.push(' ');
        }
        if length > 2 * MAX_CHARS {
            break;
        }
    }
    result
}

/// Splits text into sentences by UAX #29, and joins those that an abbreviation or an initial
/// has split.
fn split_sentences(text: &str) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    for part in text.split_sentence_bounds() {
        match sentences.last_mut() {
            Some(last) if ends_in_abbreviation(last) => last.push_str(part),
            _ => sentences.push(part.to_owned()),
        }
    }
    sentences
}

fn ends_in_abbreviation(sentence: &str) -> bool {
    let Some(head) = sentence.trim_end().strip_suffix('.') else {
        return false;
    };
    let word = head.rsplit([' ', '(', '“', '"']).next().unwrap_or_default();
    let is_initial =
        word.chars().count() == 1 && word.chars().all(char::is_uppercase) && word != "I";
    is_initial || ABBREVIATIONS.contains(&word)
}

/// Joins the first sentences to an excerpt.
fn join_sentences(text: &Sentences) -> String {
    let mut excerpt = String::new();
    let mut length = 0;
    for (count, sentence) in text.sentences.iter().enumerate() {
        let sentence_length = sentence.trim_end().chars().count();
        if (count >= MAX_SENTENCES && length >= MIN_CHARS)
            || length >= TARGET_CHARS
            || (count > 0 && length + sentence_length > SOFT_MAX_CHARS)
        {
            break;
        }
        excerpt.push_str(sentence);
        length = excerpt.chars().count();
    }
    let is_all = text.sentences.iter().map(String::len).sum::<usize>() == excerpt.len();
    let excerpt = excerpt.trim_end();
    if text.is_truncated && is_all {
        return remove_partial_sentence(excerpt);
    }
    truncate_at_word(excerpt, MAX_CHARS)
}

/// Removes the last sentence, which the feed has truncated, if the rest is long enough.
/// Otherwise marks it with `…`.
fn remove_partial_sentence(text: &str) -> String {
    let complete_bytes: usize = match split_sentences(text).split_last() {
        Some((last, before)) if !last.ends_with(['.', '!', '?', '。']) => {
            before.iter().map(String::len).sum()
        }
        _ => text.len(),
    };
    let complete = text[..complete_bytes].trim_end();
    if complete.chars().count() >= MIN_SUMMARY_CHARS {
        return truncate_at_word(complete, MAX_CHARS);
    }
    let truncated = truncate_at_word(text, MAX_CHARS - 1);
    if truncated.is_empty() || truncated.ends_with('…') {
        truncated
    } else {
        format!("{truncated}…")
    }
}

/// Returns whether a block is a footer or label of a publishing tool.
fn is_boilerplate(block: &str) -> bool {
    let lower = block.to_ascii_lowercase();
    let is_wordpress = lower.starts_with("the post ")
        && (lower.contains(" appeared first on ") || lower.contains(" first appeared on "));
    let is_reddit = lower.starts_with("submitted by ") && lower.ends_with("[comments]");
    let is_label = matches!(
        lower.as_str(),
        "comments" | "share this:" | "like this:" | "like loading..." | "permalink"
    );
    let is_read_more = READ_MORE_PHRASES
        .iter()
        .any(|phrase| lower.starts_with(phrase))
        && block.chars().count() < 160;
    is_wordpress
        || is_reddit
        || is_label
        || is_read_more
        || !block.chars().any(char::is_alphanumeric)
}

/// Removes a phrase such as "Continue reading …" from the end of a block.
fn strip_read_more(block: &str) -> &str {
    let lower = block.to_ascii_lowercase();
    let ends_sentence = |head: &str| {
        head.trim_end()
            .ends_with(['.', '!', '?', '…', ']', ')', '"', '”', '»', '—'])
    };
    let start = READ_MORE_PHRASES
        .iter()
        .filter_map(|phrase| lower.rfind(phrase))
        .filter(|at| block.len() - at < 160 && ends_sentence(&block[..*at]))
        .min();
    start.map_or(block, |at| block[..at].trim_end())
}

/// Removes a mark such as "[…]" from the end of a block. Returns whether there was one.
fn strip_truncation_mark(block: &str) -> (&str, bool) {
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
mod tests;
