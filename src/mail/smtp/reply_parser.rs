//! Incremental parser for SMTP replies (RFC 5321 §4.2) with limited memory.

use crate::mail::reply::Reply;

/// Maximum bytes of text kept per reply; the rest is read and dropped.
///
/// A stored reply has at most 300 characters, and an EHLO reply fits in 4 KiB.
const MAX_KEPT: usize = 4096;
/// Maximum bytes per reply; a longer one is an error.
///
/// Limits the time and CPU that an endless reply can cost.
const MAX_TOTAL: usize = 4 * 1024 * 1024;

/// Why the server's bytes are not an SMTP reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InvalidReply {
    /// A line does not begin with a reply code. Contains the start of the line.
    #[error("the server's reply is not SMTP: {0}")]
    NotSmtp(String),
    /// The reply exceeds [`MAX_TOTAL`].
    #[error("the server's reply is longer than 4 MiB")]
    TooLong,
}

/// Parses one reply from bytes that arrive in any number of parts.
#[derive(Debug, Default)]
pub(super) struct ReplyParser {
    /// The current line with its code, cut at the limit.
    line: Vec<u8>,
    lines: Vec<String>,
    kept: usize,
    total: usize,
}

/// A reply with separate lines, as EHLO needs them.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ReplyLines {
    /// Reply code of the last line.
    pub code: u16,
    /// Text of each line, without the codes.
    pub lines: Vec<String>,
}

impl ReplyParser {
    /// Parses `bytes` up to the end of the reply.
    ///
    /// Returns the number of consumed bytes, and the reply if it is complete.
    pub fn parse(&mut self, bytes: &[u8]) -> Result<(usize, Option<ReplyLines>), InvalidReply> {
        for (index, &byte) in bytes.iter().enumerate() {
            self.total += 1;
            if self.total > MAX_TOTAL {
                return Err(InvalidReply::TooLong);
            }
            if byte != b'\n' {
                // Always keep the code: the last line must have one even if the text is cut.
                if self.line.len() < 4 || self.kept + self.line.len() < MAX_KEPT {
                    self.line.push(byte);
                }
                continue;
            }
            if let Some(code) = self.end_of_line()? {
                let lines = std::mem::take(&mut self.lines);
                return Ok((index + 1, Some(ReplyLines { code, lines })));
            }
        }
        Ok((bytes.len(), None))
    }

    /// Ends the current line. Returns the reply code if it was the last line.
    fn end_of_line(&mut self) -> Result<Option<u16>, InvalidReply> {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        let line = line.trim_end_matches('\r');
        let not_smtp = || InvalidReply::NotSmtp(line.chars().take(100).collect());
        let (code, rest) = line.split_at_checked(3).ok_or_else(not_smtp)?;
        if !code.bytes().all(|b| b.is_ascii_digit()) {
            return Err(not_smtp());
        }
        let (has_more, text) = match rest.chars().next() {
            None => (false, ""),
            Some(' ') => (false, &rest[1..]),
            Some('-') => (true, &rest[1..]),
            Some(_) => return Err(not_smtp()),
        };
        if self.kept < MAX_KEPT {
            // Count empty lines as one byte, because a reply may contain millions of them.
            self.kept += text.len() + 1;
            self.lines.push(text.to_owned());
        }
        let code = code.parse().map_err(|_| not_smtp())?;
        Ok((!has_more).then_some(code))
    }
}

impl From<ReplyLines> for Reply {
    /// Joins the lines. Removes the enhanced code that servers repeat on each line.
    fn from(reply: ReplyLines) -> Self {
        let first = reply.lines.first().map_or("", String::as_str);
        let repeated = first
            .split(' ')
            .next()
            .filter(|word| word.split('.').count() == 3)
            .map(|word| format!("{word} "));
        let rest = reply.lines.iter().skip(1).map(|line| {
            repeated
                .as_deref()
                .and_then(|code| line.strip_prefix(code))
                .unwrap_or(line)
        });
        Self {
            code: reply.code,
            text: std::iter::once(first)
                .chain(rest)
                .collect::<Vec<_>>()
                .join(" "),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(bytes: &[u8]) -> Result<Option<Reply>, InvalidReply> {
        Ok(ReplyParser::default().parse(bytes)?.1.map(Reply::from))
    }

    fn reply(code: u16, text: &str) -> Result<Option<Reply>, InvalidReply> {
        Ok(Some(Reply {
            code,
            text: text.to_owned(),
        }))
    }

    #[test]
    fn lines_are_joined() {
        assert_eq!(parse(b"250 ok\r\n"), reply(250, "ok"));
        assert_eq!(parse(b"250\r\n"), reply(250, ""));
        assert_eq!(parse(b"250 ok\n"), reply(250, "ok"));
        assert_eq!(
            parse(b"550-5.7.25 the address\r\n550-5.7.25 has no name\r\n550 5.7.25 of its own\r\n"),
            reply(550, "5.7.25 the address has no name of its own")
        );
        assert_eq!(parse(b"550 caf\xe9\r\n"), reply(550, "caf\u{fffd}"));
        assert_eq!(parse(b"250-half\r\n"), Ok(None));
    }

    #[test]
    fn parser_stops_at_end_of_reply() {
        let mut parser = ReplyParser::default();
        let (consumed, first) = parser.parse(b"250 a\r\n550 b\r\n").unwrap();
        assert_eq!((consumed, first.map(|reply| reply.code)), (7, Some(250)));
    }

    #[test]
    fn line_without_code_is_rejected() {
        for bytes in [
            &b"hello\r\n"[..],
            b"25\r\n",
            b"\r\n",
            b"250_ok\r\n",
            b"2x0 ok\r\n",
            "é50 ok\r\n".as_bytes(),
        ] {
            assert!(
                matches!(parse(bytes), Err(InvalidReply::NotSmtp(_))),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn long_reply_is_cut_and_endless_reply_rejected() {
        let mut long = b"550-5.1.1 ".to_vec();
        long.resize(1_000_000, b'x');
        long.extend_from_slice(b"\r\n550 5.1.1 end\r\n");
        let reply = parse(&long).unwrap().unwrap();
        assert_eq!(reply.code, 550);
        assert!(reply.text.starts_with("5.1.1 xxx") && reply.text.len() <= MAX_KEPT + 10);
        let many = b"550-5.1.1 no\r\n".repeat(70_000);
        let last = b"550 5.1.1 no\r\n";
        let reply = parse(&[&many[..], last].concat()).unwrap().unwrap();
        assert!(reply.code == 550 && reply.text.len() <= MAX_KEPT + 10);
        assert_eq!(
            parse(&vec![b'2'; MAX_TOTAL + 1]),
            Err(InvalidReply::TooLong)
        );
        assert_eq!(
            parse(&b"250-\r\n".repeat(MAX_TOTAL / 6 + 1)),
            Err(InvalidReply::TooLong)
        );
    }

    proptest! {
        #[test]
        fn result_does_not_depend_on_split(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'2'), Just(b'-'), Just(b' '), any::<u8>()], 0..60), cut in 0usize..60) {
            let whole = ReplyParser::default().parse(&bytes).map(|(_, reply)| reply.map(Reply::from));
            let mut parser = ReplyParser::default();
            let cut = cut.min(bytes.len());
            let parts = parser.parse(&bytes[..cut]).and_then(|(_, reply)| match reply {
                Some(reply) => Ok(Some(reply)),
                None => parser.parse(&bytes[cut..]).map(|(_, reply)| reply),
            });
            prop_assert_eq!(parts.map(|reply| reply.map(Reply::from)), whole);
        }
    }
}
