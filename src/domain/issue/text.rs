//! Texts written by the editor, without control characters and with a maximum length.

/// Error for a text that exceeds its maximum length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{chars} characters are too many; at most {max} are allowed")]
pub struct TooLong {
    /// Length of the text in characters.
    pub chars: usize,
    /// Maximum length in characters.
    pub max: usize,
}

/// Defines a text type that is normalized by `$normalize` and limited to `$max` characters.
macro_rules! bounded_text {
    ($(#[$doc:meta])* $name:ident: $normalize:ident, $max:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// Maximum length in characters.
            pub const MAX_CHARS: usize = $max;

            /// Parses and normalizes `text`.
            ///
            /// # Errors
            /// Returns [`TooLong`] if the normalized text exceeds
            /// [`MAX_CHARS`](Self::MAX_CHARS).
            pub fn parse(text: &str) -> Result<Self, TooLong> {
                let text = $normalize(text);
                let (chars, max) = (text.chars().count(), Self::MAX_CHARS);
                if chars > max {
                    return Err(TooLong { chars, max });
                }
                Ok(Self(text))
            }

            /// Returns the text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Returns whether the text is empty.
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }
    };
}

bounded_text!(
    /// Subject of an issue, on one line.
    Subject: to_single_line, 200
);
bounded_text!(
    /// Preview text that inboxes show after the subject, on one line.
    Preheader: to_single_line, 200
);
bounded_text!(
    /// The editor's note above the posts, in Markdown.
    Note: to_lines, 5000
);
bounded_text!(
    /// Title of a post, on one line.
    Title: to_single_line, 300
);
bounded_text!(
    /// Summary of a post, in one paragraph.
    Excerpt: to_single_line, 1500
);

/// Replaces control characters and runs of white space with single spaces, so that the text
/// cannot end a header field.
fn to_single_line(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Converts line breaks to `\n` and removes control characters except tabs.
fn to_lines(text: &str) -> String {
    let unix = text.replace("\r\n", "\n").replace('\r', "\n");
    let kept = unix
        .chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'));
    kept.collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subject_line_breaks_become_spaces() {
        let subject = Subject::parse(" Three\r\nBcc: x\u{0}\tposts ").unwrap();
        assert_eq!(subject.as_str(), "Three Bcc: x posts");
        assert!(Subject::parse(" \n ").unwrap().is_empty());
    }

    #[test]
    fn note_keeps_line_breaks_and_drops_control_characters() {
        let note = Note::parse("\r\n# Hello\r\n\r\n\tcode\u{0}\u{7}\r\n").unwrap();
        assert_eq!(note.as_str(), "# Hello\n\n\tcode");
    }

    #[test]
    fn too_long_text_error_has_length_and_limit() {
        assert!(Subject::parse(&"é".repeat(200)).is_ok());
        assert_eq!(
            Subject::parse(&"é".repeat(201)).unwrap_err().to_string(),
            "201 characters are too many; at most 200 are allowed"
        );
    }
}
