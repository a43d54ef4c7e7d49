//! What the editor writes: cleaned of control characters, and no longer than fits.

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found} characters are too many; at most {most} fit")]
pub struct TooLong {
    pub chars: usize,
    pub max: usize,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $clean:ident, $most:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(String);

        impl $name {
            /// In characters.
            pub const MAX_CHARS: usize = $most;

            /// # Errors
            /// When more is left than fits.
            pub fn parse(text: &str) -> Result<Self, TooLong> {
                let text = $clean(text);
                let (found, most) = (text.chars().count(), Self::MAX_CHARS);
                if found > most {
                    return Err(TooLong { found, most });
                }
                Ok(Self(text))
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }

            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }
        }
    };
}

words!(
    /// An issue's subject, on one line.
    Subject: one_line, 200
);
words!(
    /// What inboxes show behind the subject, on one line.
    Preheader: one_line, 200
);
words!(
    /// The editor's own words before the posts, in Markdown.
    Note: lines, 5000
);
words!(
    /// A post's title, on one line.
    Title: one_line, 300
);
words!(
    /// What a mail says of a post, in one paragraph.
    Excerpt: one_line, 1500
);

/// Single spaces, nothing that could end a header.
fn one_line(text: &str) -> String {
    let spaced: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn lines(text: &str) -> String {
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
    fn a_subject_is_one_line_that_no_header_ends_in() {
        let subject = Subject::parse(" Three\r\nBcc: x\u{0}\tposts ").unwrap();
        assert_eq!(subject.as_str(), "Three Bcc: x posts");
        assert!(Subject::parse(" \n ").unwrap().is_empty());
    }

    #[test]
    fn a_note_keeps_its_lines_and_no_nul() {
        let note = Note::parse("\r\n# Hello\r\n\r\n\tcode\u{0}\u{7}\r\n").unwrap();
        assert_eq!(note.as_str(), "# Hello\n\n\tcode");
    }

    #[test]
    fn what_is_too_long_says_by_how_much() {
        assert!(Subject::parse(&"é".repeat(200)).is_ok());
        assert_eq!(
            Subject::parse(&"é".repeat(201)).unwrap_err().to_string(),
            "201 characters are too many; at most 200 fit"
        );
    }
}
