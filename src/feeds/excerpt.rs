//! Excerpt of a post: two or three complete sentences.

use unicode_segmentation::UnicodeSegmentation;

use crate::feeds::boilerplate::{
    is_boilerplate, is_trailer, strip_read_more, strip_short_codes, strip_truncation_mark,
};
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

/// Minimum characters of whole sentences that stand for a truncated text on their own.
const MIN_COMPLETE_CHARS: usize = 25;

/// Minimum characters of a summary that may have been truncated without a mark.
const MIN_CUT_SUMMARY_CHARS: usize = 60;

/// Minimum letters and digits of a title that is made from the text.
const MIN_TITLE_LETTERS: usize = 12;

/// Abbreviations after which a full stop does not end a sentence: titles, ranks, months, and
/// those of English, German, French, Spanish and Italian. Those with inner full stops such as
/// `U.S.` and `a.m.` are recognized by their form.
const ABBREVIATIONS: [&str; 106] = [
    "Mr", "Mrs", "Ms", "Mx", "Dr", "Prof", "St", "Jr", "Sr", "No", "no", "vs", "etc", "cf", "ca",
    "approx", "Inc", "Ltd", "Co", "Corp", "Bros", "Fig", "fig", "Nr", "bzw", "Bd", "Capt", "Cpt",
    "Lt", "Col", "Gen", "Sgt", "Maj", "Cmdr", "Cdr", "Adm", "Cpl", "Pvt", "Brig", "Rev", "Fr",
    "Hon", "Gov", "Sen", "Rep", "Pres", "Supt", "Insp", "Det", "Msgr", "Jan", "Feb", "Febr", "Mar",
    "Apr", "Jun", "Jul", "Aug", "Sep", "Sept", "Oct", "Okt", "Nov", "Dec", "Dez", "Mt", "Ft",
    "Ave", "Blvd", "Rd", "Dept", "Univ", "Assn", "Vol", "vol", "pp", "Ed", "ed", "eds", "al", "Ph",
    "Hr", "Hrn", "Fam", "Dipl", "Ing", "Str", "Tel", "evtl", "ggf", "usw", "inkl", "exkl", "zzgl",
    "Abs", "Art", "vgl", "Mme", "Mlle", "Mgr", "Sra", "Srta", "Ud", "Uds", "Sig", "Dott",
];

/// Months after which the full stop of a number is that of an ordinal (`6. August`).
const MONTHS_AFTER_ORDINAL: [&str; 13] = [
    "Januar",
    "Jänner",
    "Februar",
    "März",
    "April",
    "Mai",
    "Juni",
    "Juli",
    "August",
    "September",
    "Oktober",
    "November",
    "Dezember",
];

/// Sentences of a text.
#[derive(Debug, Default)]
struct Sentences {
    /// The sentences, each with the white space after it.
    sentences: Vec<String>,
    /// Whether the feed has truncated the text.
    is_truncated: bool,
    /// Whether all sentences are of one block.
    has_one_block: bool,
}

/// Builds the excerpt from the summary, or from the content if the summary is short or
/// truncated. Returns an empty string if there is no text.
pub(super) fn build_excerpt(
    summary: &ExtractedText,
    content: &ExtractedText,
    title: &str,
) -> String {
    let mut from_summary = split_text(summary, title);
    let from_content = split_text(content, title);
    from_summary.is_truncated |= is_cut(&from_summary, &from_content);
    let summary_length: usize = from_summary
        .sentences
        .iter()
        .map(|sentence| weighted_length(sentence))
        .sum();
    let is_poor = from_summary.is_truncated || summary_length < MIN_SUMMARY_CHARS;
    if from_summary.sentences.is_empty() || (is_poor && !from_content.sentences.is_empty()) {
        join_sentences(&from_content)
    } else {
        join_sentences(&from_summary)
    }
}

/// Returns whether a summary ends within a sentence without a mark: the content continues
/// it, or there is no content and only its last sentence has no end.
fn is_cut(summary: &Sentences, content: &Sentences) -> bool {
    let text = summary.sentences.concat();
    let text = text.trim_end();
    let Some(last) = summary.sentences.last().map(|last| last.trim_end()) else {
        return false;
    };
    if ends_sentence(text) {
        return false;
    }
    if content.sentences.is_empty() {
        return summary.sentences.len() > 1
            && weighted_length(text) >= MIN_CUT_SUMMARY_CHARS
            && weighted_length(last) >= MIN_COMPLETE_CHARS
            && summary.has_one_block;
    }
    let content = content.sentences.concat();
    content.len() > text.len() && content.starts_with(text)
}

/// Returns whether a text ends with the punctuation of a sentence, before closing quotes.
fn ends_sentence(text: &str) -> bool {
    text.trim_end_matches(|c: char| c.is_whitespace() || "\"'”’»)]）」』".contains(c))
        .ends_with([
            '.', '!', '?', '…', '。', '！', '？', '：', ':', ';', '؟', '।',
        ])
}

/// Returns the length of a text in characters, where Chinese, Japanese and Korean characters
/// count twice: they say about twice as much.
fn weighted_length(text: &str) -> usize {
    let is_wide = |c: char| matches!(c, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7AF}' | '\u{F900}'..='\u{FAFF}');
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

/// Returns the first sentence of `text` without its full stop, for use as a title; with the
/// next ones if it has fewer than [`MIN_TITLE_LETTERS`].
pub(super) fn first_sentence(text: &str) -> String {
    let mut title = String::new();
    for sentence in split_sentences(text) {
        title.push_str(&sentence);
        let letters: String = title.chars().filter(|c| c.is_alphanumeric()).collect();
        if weighted_length(&letters) >= MIN_TITLE_LETTERS {
            break;
        }
    }
    let title = title.trim_end();
    let title = title.split(" · ").next().unwrap_or(title);
    title
        .strip_suffix(['.', '。'])
        .filter(|head| !head.ends_with('.'))
        .unwrap_or(title)
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
    let last = text
        .blocks
        .iter()
        .rfind(|block| !is_boilerplate(block) && !is_trailer(block));
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
    let mut block_count = 0;
    for (index, block) in text.blocks.iter().enumerate() {
        // The trailer may be followed by a label or a link.
        let is_near_end = index + 3 >= text.blocks.len();
        let block = strip_short_codes(block);
        if is_boilerplate(&block) || *block == *title || (is_near_end && is_trailer(&block)) {
            continue;
        }
        if let Some(last) = result.sentences.last_mut() {
            separate_blocks(last, &block);
        }
        let (block, is_truncated) = strip_truncation_mark(strip_read_more(&block));
        result.is_truncated |= is_truncated;
        block_count += 1;
        for sentence in split_sentences(block) {
            length += sentence.chars().count();
            result.sentences.push(sentence);
        }
        if length > 2 * MAX_CHARS {
            break;
        }
    }
    result.has_one_block = block_count == 1;
    result
}

/// Ends a block, so that it does not run into the next: a sentence by a full stop, the item of
/// a list by a middle dot.
fn separate_blocks(last: &mut String, next: &str) {
    last.truncate(last.trim_end().len());
    if !ends_sentence(last) && !last.ends_with([',', '–', '—', '、', '，']) {
        let is_sentence = last.split_whitespace().count() > 3
            && last.ends_with(char::is_alphanumeric)
            && next.starts_with(|c: char| c.is_uppercase() || c.is_ascii_digit());
        last.push_str(if is_sentence { "." } else { " ·" });
    }
    last.push(' ');
}

/// Splits text into sentences by UAX #29, and joins those that an abbreviation or an initial
/// has split.
fn split_sentences(text: &str) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    for part in text.split_sentence_bounds() {
        match sentences.last_mut() {
            Some(last) if ends_in_abbreviation(last, part) => last.push_str(part),
            _ => sentences.push(part.to_owned()),
        }
    }
    sentences
}

/// Returns whether the full stop at the end of `sentence` is that of an abbreviation, an
/// initial, an ordinal or the number of a list item.
fn ends_in_abbreviation(sentence: &str, next: &str) -> bool {
    let is_only_numbers = !sentence
        .chars()
        .any(|c| c.is_alphabetic() || matches!(c, '!' | '?'));
    let Some(head) = sentence.trim_end().strip_suffix('.') else {
        return false;
    };
    if is_only_numbers && head.ends_with(|c: char| c.is_ascii_digit()) {
        return true;
    }
    let word = head
        .rsplit([' ', '\u{a0}', '(', '“', '"', '„', '«', '-', '/'])
        .next()
        .unwrap_or_default();
    let is_letter = |part: &str| {
        let mut chars = part.chars();
        chars.next().is_some_and(char::is_alphabetic) && chars.next().is_none()
    };
    let is_initial = word != "I" && word.split('.').all(is_letter);
    let next_word = next.split(|c: char| !c.is_alphabetic()).next();
    let is_ordinal = word.len() <= 2
        && word.bytes().all(|byte| byte.is_ascii_digit())
        && next_word.is_some_and(|month| MONTHS_AFTER_ORDINAL.contains(&month));
    is_initial || is_ordinal || ABBREVIATIONS.contains(&word)
}

/// Joins the first sentences to an excerpt.
fn join_sentences(text: &Sentences) -> String {
    let mut excerpt = String::new();
    let mut length = 0;
    for (count, sentence) in text.sentences.iter().enumerate() {
        let sentence_length = weighted_length(sentence.trim_end());
        if (count >= MAX_SENTENCES && length >= MIN_CHARS)
            || length >= TARGET_CHARS
            || (count > 0 && length + sentence_length > SOFT_MAX_CHARS)
        {
            break;
        }
        excerpt.push_str(sentence);
        length = weighted_length(&excerpt);
    }
    let is_all = text.sentences.iter().map(String::len).sum::<usize>() == excerpt.len();
    let excerpt = excerpt.trim_end().trim_end_matches(" ·");
    if text.is_truncated && is_all {
        return remove_partial_sentence(excerpt);
    }
    truncate_at_word(excerpt, MAX_CHARS)
}

/// Removes the last sentence, which the feed has truncated, if the rest is long enough.
/// Otherwise marks it with `…`.
fn remove_partial_sentence(text: &str) -> String {
    let complete_bytes: usize = match split_sentences(text).split_last() {
        Some((last, before)) if !ends_sentence(last) => before.iter().map(String::len).sum(),
        _ => text.len(),
    };
    let complete = text[..complete_bytes].trim_end();
    if complete.chars().count() >= MIN_COMPLETE_CHARS {
        return truncate_at_word(complete, MAX_CHARS);
    }
    let truncated = truncate_at_word(text, MAX_CHARS - 1);
    if truncated.is_empty() || truncated.ends_with('…') {
        truncated
    } else {
        format!("{truncated}…")
    }
}

#[cfg(test)]
mod tests;
