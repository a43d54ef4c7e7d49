//! Two or three whole sentences of a post, as a person would quote them.

use unicode_segmentation::UnicodeSegmentation;

use crate::feeds::html::Prose;
use crate::feeds::text::cut_at_word;

/// An excerpt with this many characters is long enough.
const ENOUGH: usize = 200;
/// A second or third sentence is taken while the excerpt stays within this.
const GOOD: usize = 320;
const MAX: usize = 400;
/// Two or three sentences, and more of them while they come to less than [`SCANT`].
const MAX_SENTENCES: usize = 3;
const SCANT: usize = 120;
/// A summary shorter than this says less than the post's own first sentences.
const TOO_SHORT: usize = 40;
const WORDS_PER_MINUTE: usize = 220;
/// Fewer words may well be a teaser: no reading time is told from them.
const WORDS_OF_A_TEXT: usize = 100;
/// A summary as long as this is the text itself, in a feed that has one field for both.
const WORDS_OF_A_LONG_SUMMARY: usize = 300;

/// Where a text says "there is more elsewhere" and is no longer the post's.
const MORE: [&str; 8] = [
    "continue reading",
    "read more",
    "read the rest",
    "read the full",
    "keep reading",
    "(more…)",
    "(more...)",
    "view post",
];
const CUT_MARKS: [&str; 6] = ["[…]", "[...]", "(…)", "(...)", "…", "..."];
/// After these a full stop ends no sentence.
const ABBREVIATIONS: [&str; 22] = [
    "Mr", "Mrs", "Ms", "Dr", "Prof", "St", "Jr", "Sr", "No", "vs", "etc", "e.g", "i.e", "cf",
    "approx", "Inc", "Ltd", "Fig", "Nr", "bzw", "z.B", "Bd",
];

/// What a text offers: its sentences, and whether the feed cut it short.
#[derive(Debug, Default)]
struct Sentences {
    /// Each with the white space that follows it.
    whole: Vec<String>,
    is_cut: bool,
}

/// The excerpt for a mail, of the summary or the content, whichever reads better; empty
/// when there is no text.
pub(super) fn excerpt(summary: &Prose, content: &Prose, title: &str) -> String {
    let from_summary = sentences(summary, title);
    let from_content = sentences(content, title);
    let summary_length: usize = from_summary
        .whole
        .iter()
        .map(|sentence| sentence.chars().count())
        .sum();
    let is_poor = from_summary.is_cut || summary_length < TOO_SHORT;
    if from_summary.whole.is_empty() || (is_poor && !from_content.whole.is_empty()) {
        join(&from_content)
    } else {
        join(&from_summary)
    }
}

/// The first sentence of `text`, for a title: without its full stop.
pub(super) fn first_sentence(text: &str) -> String {
    let first = split(text).into_iter().next().unwrap_or_default();
    let first = first.trim_end();
    first
        .strip_suffix('.')
        .filter(|head| !head.ends_with('.'))
        .unwrap_or(first)
        .to_owned()
}

/// Minutes to read the text, when the feed seems to carry all of it.
pub(super) fn minutes(summary: &Prose, content: &Prose) -> Option<u32> {
    let in_summary = words(summary);
    let (text, count) = match words(content) {
        0 if in_summary >= WORDS_OF_A_LONG_SUMMARY => (summary, in_summary),
        count if count >= in_summary => (content, count),
        _ => return None,
    };
    let last = text.blocks.iter().rfind(|block| !is_boilerplate(block));
    let ends_early = last.is_some_and(|last| without_cut_marks(without_more(last)).1);
    let is_text = text.is_whole && !ends_early && count >= WORDS_OF_A_TEXT;
    let minutes = (count + WORDS_PER_MINUTE / 2) / WORDS_PER_MINUTE;
    is_text.then(|| u32::try_from(minutes.max(1)).unwrap_or(u32::MAX))
}

/// In scripts without spaces every character counts as a word: two of them read as one.
fn words(prose: &Prose) -> usize {
    let is_ideograph = |word: &str| {
        word.starts_with(|c| matches!(c, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}'))
    };
    let halves = prose.blocks.iter().flat_map(|block| block.unicode_words());
    halves
        .map(|word| if is_ideograph(word) { 1 } else { 2 })
        .sum::<usize>()
        / 2
}

fn sentences(prose: &Prose, title: &str) -> Sentences {
    let mut found = Sentences::default();
    let mut length = 0;
    for block in &prose.blocks {
        if is_boilerplate(block) || block == title {
            continue;
        }
        let (text, is_cut) = without_cut_marks(without_more(block));
        found.is_cut |= is_cut;
        for sentence in split(text) {
            length += sentence.chars().count();
            found.whole.push(sentence);
        }
        if let Some(last) = found.whole.last_mut()
            && !last.ends_with(' ')
        {
            last.push(' ');
        }
        if length > 2 * MAX {
            break;
        }
    }
    found
}

/// By UAX #29, and then together again what an abbreviation or an initial parted.
fn split(text: &str) -> Vec<String> {
    let mut sentences: Vec<String> = Vec::new();
    for piece in text.split_sentence_bounds() {
        match sentences.last_mut() {
            Some(last) if ends_in_abbreviation(last) => last.push_str(piece),
            _ => sentences.push(piece.to_owned()),
        }
    }
    sentences
}

fn ends_in_abbreviation(sentence: &str) -> bool {
    let Some(stopped) = sentence.trim_end().strip_suffix('.') else {
        return false;
    };
    let word = stopped
        .rsplit([' ', '(', '“', '"'])
        .next()
        .unwrap_or_default();
    let is_initial =
        word.chars().count() == 1 && word.chars().all(char::is_uppercase) && word != "I";
    is_initial || ABBREVIATIONS.contains(&word)
}

fn join(sentences: &Sentences) -> String {
    let mut excerpt = String::new();
    let mut length = 0;
    for (taken, sentence) in sentences.whole.iter().enumerate() {
        let more = sentence.trim_end().chars().count();
        if (taken >= MAX_SENTENCES && length >= SCANT)
            || length >= ENOUGH
            || (taken > 0 && length + more > GOOD)
        {
            break;
        }
        excerpt.push_str(sentence);
        length = excerpt.chars().count();
    }
    let is_all = sentences.whole.iter().map(String::len).sum::<usize>() == excerpt.len();
    let excerpt = excerpt.trim_end();
    if sentences.is_cut && is_all {
        return whole_or_cut(excerpt);
    }
    cut_at_word(excerpt, MAX)
}

/// The feed broke off somewhere in the last sentence: it is left out if enough is left.
fn whole_or_cut(text: &str) -> String {
    let whole: usize = match split(text).split_last() {
        Some((last, before)) if !last.ends_with(['.', '!', '?', '。']) => {
            before.iter().map(String::len).sum()
        }
        _ => text.len(),
    };
    let kept = text[..whole].trim_end();
    if kept.chars().count() >= TOO_SHORT {
        return cut_at_word(kept, MAX);
    }
    let cut = cut_at_word(text, MAX - 1);
    if cut.is_empty() || cut.ends_with('…') {
        cut
    } else {
        format!("{cut}…")
    }
}

fn is_boilerplate(block: &str) -> bool {
    let lower = block.to_ascii_lowercase();
    let is_wordpress = lower.starts_with("the post ")
        && (lower.contains(" appeared first on ") || lower.contains(" first appeared on "));
    let is_reddit = lower.starts_with("submitted by ") && lower.ends_with("[comments]");
    let is_label = matches!(
        lower.as_str(),
        "comments" | "share this:" | "like this:" | "like loading..." | "permalink"
    );
    let is_more =
        MORE.iter().any(|phrase| lower.starts_with(phrase)) && block.chars().count() < 160;
    is_wordpress || is_reddit || is_label || is_more || !block.chars().any(char::is_alphanumeric)
}

/// Without a "Continue reading …" at its end.
fn without_more(block: &str) -> &str {
    let lower = block.to_ascii_lowercase();
    let ends_a_thought = |head: &str| {
        head.trim_end()
            .ends_with(['.', '!', '?', '…', ']', ')', '"', '”', '»', '—'])
    };
    let cut = MORE
        .iter()
        .filter_map(|phrase| lower.rfind(phrase))
        .filter(|at| block.len() - at < 160 && ends_a_thought(&block[..*at]))
        .min();
    cut.map_or(block, |at| block[..at].trim_end())
}

/// Without a "[…]" at its end, and whether one stood there.
fn without_cut_marks(block: &str) -> (&str, bool) {
    let trimmed = block.trim_end_matches(['→', '»', ' ']);
    let text = trimmed.trim_end();
    for mark in CUT_MARKS {
        if let Some(head) = text.strip_suffix(mark) {
            return (head.trim_end(), true);
        }
    }
    (block, false)
}

#[cfg(test)]
#[path = "excerpt_tests.rs"]
mod tests;
