//! Replies out of bytes (RFC 5321 §4.2), however long or mangled.

use crate::mail::reply::Reply;

/// What of a reply's text is kept; the rest is read and dropped.
const KEPT_MAX: usize = 4096;
/// A server that says more than this in one reply is not listened to any further.
const TOTAL_MAX: usize = 4 * 1024 * 1024;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadReply {
    #[error("the server's answer is not SMTP: {0}")]
    Garbage(String),
    #[error("the server's answer has no end")]
    Endless,
}

/// One reply in the making. Takes bytes as they come.
#[derive(Debug, Default)]
pub(super) struct ReplyReader {
    /// The line at hand, codes included, cut when there is no more room.
    line: Vec<u8>,
    lines: Vec<String>,
    kept: usize,
    total: usize,
}

/// A reply with its lines apart, for EHLO.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Lines {
    pub code: u16,
    pub lines: Vec<String>,
}

impl ReplyReader {
    /// Takes from `bytes` what belongs to this reply: how many those were, and the
    /// reply if it is complete.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(usize, Option<Lines>), BadReply> {
        for (index, &byte) in bytes.iter().enumerate() {
            self.total += 1;
            if self.total > TOTAL_MAX {
                return Err(BadReply::Endless);
            }
            if byte != b'\n' {
                // The codes are always kept, or a reply behind a long one had none.
                if self.line.len() < 4 || self.kept + self.line.len() < KEPT_MAX {
                    self.line.push(byte);
                }
                continue;
            }
            if let Some(code) = self.end_of_line()? {
                let lines = std::mem::take(&mut self.lines);
                return Ok((index + 1, Some(Lines { code, lines })));
            }
        }
        Ok((bytes.len(), None))
    }

    /// The code, when this line was the last.
    fn end_of_line(&mut self) -> Result<Option<u16>, BadReply> {
        let line = String::from_utf8_lossy(&std::mem::take(&mut self.line)).into_owned();
        let line = line.trim_end_matches('\r');
        let garbage = || BadReply::Garbage(line.chars().take(100).collect());
        let (code, rest) = line.split_at_checked(3).ok_or_else(garbage)?;
        if !code.bytes().all(|b| b.is_ascii_digit()) {
            return Err(garbage());
        }
        let (more, text) = match rest.chars().next() {
            None => (false, ""),
            Some(' ') => (false, &rest[1..]),
            Some('-') => (true, &rest[1..]),
            Some(_) => return Err(garbage()),
        };
        if self.kept < KEPT_MAX {
            // An empty line counts as well: there may be millions.
            self.kept += text.len() + 1;
            self.lines.push(text.to_owned());
        }
        let code = code.parse().map_err(|_| garbage())?;
        Ok((!more).then_some(code))
    }
}

impl From<Lines> for Reply {
    /// All lines in one. Servers repeat the enhanced code on each; once is enough.
    fn from(reply: Lines) -> Self {
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

    fn read(bytes: &[u8]) -> Result<Option<Reply>, BadReply> {
        Ok(ReplyReader::default().take(bytes)?.1.map(Reply::from))
    }

    fn reply(code: u16, text: &str) -> Result<Option<Reply>, BadReply> {
        Ok(Some(Reply {
            code,
            text: text.to_owned(),
        }))
    }

    #[test]
    fn reads_one_line_and_many() {
        assert_eq!(read(b"250 ok\r\n"), reply(250, "ok"));
        assert_eq!(read(b"250\r\n"), reply(250, ""));
        assert_eq!(read(b"250 ok\n"), reply(250, "ok"));
        assert_eq!(
            read(b"550-5.7.25 the address\r\n550-5.7.25 has no name\r\n550 5.7.25 of its own\r\n"),
            reply(550, "5.7.25 the address has no name of its own")
        );
        assert_eq!(read(b"550 caf\xe9\r\n"), reply(550, "caf\u{fffd}"));
        assert_eq!(read(b"250-half\r\n"), Ok(None));
    }

    #[test]
    fn leaves_the_next_reply_alone() {
        let mut reader = ReplyReader::default();
        let (taken, first) = reader.take(b"250 a\r\n550 b\r\n").unwrap();
        assert_eq!((taken, first.map(|lines| lines.code)), (7, Some(250)));
    }

    #[test]
    fn garbage_is_told_apart() {
        for bytes in [
            &b"hello\r\n"[..],
            b"25\r\n",
            b"\r\n",
            b"250_ok\r\n",
            b"2x0 ok\r\n",
            "é50 ok\r\n".as_bytes(),
        ] {
            assert!(
                matches!(read(bytes), Err(BadReply::Garbage(_))),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn a_megabyte_is_read_and_mostly_forgotten() {
        let mut long = b"550-5.1.1 ".to_vec();
        long.resize(1_000_000, b'x');
        long.extend_from_slice(b"\r\n550 5.1.1 end\r\n");
        let reply = read(&long).unwrap().unwrap();
        assert_eq!(reply.code, 550);
        assert!(reply.text.starts_with("5.1.1 xxx") && reply.text.len() <= KEPT_MAX + 10);
        let many = b"550-5.1.1 no\r\n".repeat(70_000);
        let last = b"550 5.1.1 no\r\n";
        let reply = read(&[&many[..], last].concat()).unwrap().unwrap();
        assert!(reply.code == 550 && reply.text.len() <= KEPT_MAX + 10);
        assert_eq!(read(&vec![b'2'; TOTAL_MAX + 1]), Err(BadReply::Endless));
        assert_eq!(
            read(&b"250-\r\n".repeat(TOTAL_MAX / 6 + 1)),
            Err(BadReply::Endless)
        );
    }

    proptest! {
        #[test]
        fn never_panics_and_does_not_care_how_bytes_are_cut(bytes in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(b'2'), Just(b'-'), Just(b' '), any::<u8>()], 0..60), cut in 0usize..60) {
            let whole = ReplyReader::default().take(&bytes).map(|(_, reply)| reply.map(Reply::from));
            let mut reader = ReplyReader::default();
            let cut = cut.min(bytes.len());
            let parts = reader.take(&bytes[..cut]).and_then(|(_, reply)| match reply {
                Some(reply) => Ok(Some(reply)),
                None => reader.take(&bytes[cut..]).map(|(_, reply)| reply),
            });
            prop_assert_eq!(parts.map(|reply| reply.map(Reply::from)), whole);
        }
    }
}
