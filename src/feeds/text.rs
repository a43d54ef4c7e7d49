//! The characters that a line of a mail may bear.

/// Appends `text` as one line: runs of white space are one space, what is invisible and
/// deceives is gone. There is no space at either end of what comes out.
pub(super) fn push_clean(out: &mut String, text: &str) {
    let mut at_gap = false;
    for character in text.chars() {
        if character.is_whitespace() {
            at_gap = true;
        } else if !is_deceptive(character) {
            if at_gap && !out.is_empty() {
                out.push(' ');
            }
            at_gap = false;
            out.push(character);
        }
    }
}

/// `text` as one clean line; see [`push_clean`].
pub(super) fn clean(text: &str) -> String {
    let mut line = String::new();
    push_clean(&mut line, text);
    line
}

/// Controls, and the format characters that reorder a line (UAX #9) or hide within a
/// word. The joiners stay: emoji and several scripts are written with them.
fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{AD}' | '\u{61C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}'
            | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{FFFD}')
}

/// At most `max` characters of `line`, cut after a whole word, with … when cut.
pub(super) fn cut_at_word(line: &str, max: usize) -> String {
    let Some((end, _)) = line.char_indices().nth(max) else {
        return line.to_owned();
    };
    let (room, _) = line[..end].char_indices().next_back().unwrap_or((0, ' '));
    let head = &line[..room];
    // A line without spaces, as in Chinese, is cut where it must be.
    let head = match head.rfind(' ') {
        _ if line[room..].starts_with(' ') => head,
        Some(gap) if gap * 4 > room => &head[..gap],
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
    fn one_clean_line() {
        assert_eq!(clean("  a\r\n\tb\u{a0}c\u{2028}d "), "a b c d");
        assert_eq!(clean("invoice\u{202e}gpj.exe\u{0}\u{7}"), "invoicegpj.exe");
        assert_eq!(clean("soft\u{ad}hy\u{200b}phen \u{feff}"), "softhyphen");
        assert_eq!(
            clean("👩\u{200d}💻 می\u{200c}خواهم"),
            "👩\u{200d}💻 می\u{200c}خواهم"
        );
    }

    #[test]
    fn cuts_leave_whole_words() {
        assert_eq!(cut_at_word("short", 5), "short");
        assert_eq!(cut_at_word("two words", 8), "two…");
        assert_eq!(cut_at_word("two words more", 10), "two words…");
        assert_eq!(cut_at_word("well, then", 8), "well…");
        assert_eq!(cut_at_word("Well. Then", 8), "Well…");
        assert_eq!(cut_at_word("汉字汉字汉字", 4), "汉字汉…");
        assert_eq!(cut_at_word("Donaudampfschifffahrt", 6), "Donau…");
    }

    #[test]
    fn no_cut_is_longer_than_asked() {
        let line = "Ünïcödé wörds ünd möre ";
        for max in 1..30 {
            assert!(
                cut_at_word(line.trim(), max).chars().count() <= max,
                "{max}"
            );
        }
    }
}
