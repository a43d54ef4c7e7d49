//! Cleaning of text for use in an email.

/// Appends `text` to `out` as a single line.
///
/// Collapses white space to one space, trims both ends, and removes control and deceptive
/// format characters.
pub(super) fn append_clean(out: &mut String, text: &str) {
    let mut has_gap = false;
    for character in text.chars() {
        if character.is_whitespace() {
            has_gap = true;
        } else if !is_deceptive(character) {
            if has_gap && !out.is_empty() {
                out.push(' ');
            }
            has_gap = false;
            out.push(character);
        }
    }
}

/// `text` as one clean line; see [`push_clean`].
pub(super) fn clean_line(text: &str) -> String {
    let mut line = String::new();
    append_clean(&mut line, text);
    line
}

/// Returns whether a character is a control character, reorders a line (UAX #9) or is
/// invisible within a word. Joiners are kept: emoji and several scripts need them.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
            | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{FFFD}')
}

/// Returns `line`, truncated after a word to at most `max` characters including the `…`.
pub(super) fn truncate_at_word(line: &str, max: usize) -> String {
    let Some((end, _)) = line.char_indices().nth(max) else {
        return line.to_owned();
    };
    let (limit, _) = line[..end].char_indices().next_back().unwrap_or((0, ' '));
    let head = &line[..limit];
    // A line without spaces, for example in Chinese, is cut between characters.
    let head = match head.rfind(' ') {
        _ if line[limit..].starts_with(' ') => head,
        Some(gap) if gap * 4 > limit => &head[..gap],
        _ => head,
    };
    format!(
        "{}…",
        head.trim_end_matches(|c: char| c.is_whitespace() || ",.;:–—-(…".contains(c))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_line_removes_deceptive_characters() {
        assert_eq!(clean_line("  a\r\n\tb\u{a0}c\u{2028}d "), "a b c d");
        assert_eq!(
            clean_line("invoice\u{202e}gpj.exe\u{0}\u{7}"),
            "invoicegpj.exe"
        );
        assert_eq!(
            clean_line("soft\u{ad}hy\u{200b}phen \u{feff}"),
            "softhyphen"
        );
        assert_eq!(
            clean_line("👩\u{200d}💻 می\u{200c}خواهم"),
            "👩\u{200d}💻 می\u{200c}خواهم"
        );
    }

    #[test]
    fn truncation_keeps_whole_words() {
        assert_eq!(truncate_at_word("short", 5), "short");
        assert_eq!(truncate_at_word("two words", 8), "two…");
        assert_eq!(truncate_at_word("two words more", 10), "two words…");
        assert_eq!(truncate_at_word("well, then", 8), "well…");
        assert_eq!(truncate_at_word("Well. Then", 8), "Well…");
        assert_eq!(truncate_at_word("汉字汉字汉字", 4), "汉字汉…");
        assert_eq!(truncate_at_word("Donaudampfschifffahrt", 6), "Donau…");
    }

    #[test]
    fn truncation_never_exceeds_max() {
        let line = "Ünïcödé wörds ünd möre ";
        for max in 1..30 {
            assert!(
                truncate_at_word(line.trim(), max).chars().count() <= max,
                "{max}"
            );
        }
    }
}
