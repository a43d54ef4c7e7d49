//! Reason of a failed delivery, derived from the server's last reply.

use crate::mail::reply::Enhanced;

/// Reason of a failed delivery. The admin UI has a description for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum FailureReason {
    /// The mailbox does not exist.
    NoMailbox,
    /// The domain does not exist or accepts no mail.
    NoDomain,
    /// The mailbox is disabled.
    MailboxOff,
    /// The mailbox is full.
    MailboxFull,
    /// The message is too large.
    TooBig,
    /// Rejected by policy, reputation or a spam filter: about the sender, not the recipient.
    Unwelcome,
    /// Temporarily rejected until the retries ended.
    GaveUp,
    /// No reply from a server.
    NoAnswer,
    /// Rejected for another reason.
    Refused,
}

impl FailureReason {
    /// Classifies a reply like `550 5.1.1 no such user` (RFC 3463, RFC 5248).
    pub fn from_reply(reply: &str) -> Self {
        let (code, text) = reply.split_once(' ').unwrap_or((reply, ""));
        let code: u16 = match code.parse() {
            Ok(code) if (200..600).contains(&code) => code,
            _ => return Self::NoAnswer,
        };
        match Enhanced::parse_prefix(text, code) {
            Some(Enhanced(_, 1, 1 | 6)) => Self::NoMailbox,
            Some(Enhanced(_, 1, 2 | 10) | Enhanced(_, 4, 4)) => Self::NoDomain,
            Some(Enhanced(_, 2, 1)) => Self::MailboxOff,
            Some(Enhanced(_, 2, 2)) => Self::MailboxFull,
            Some(Enhanced(_, 2, 3) | Enhanced(_, 3, 4)) => Self::TooBig,
            _ if code < 500 => Self::GaveUp,
            Some(Enhanced(_, 7, _)) => Self::Unwelcome,
            None if code == 552 => Self::MailboxFull,
            None if code == 554 => Self::Unwelcome,
            _ => Self::Refused,
        }
    }

    /// Returns the word for templates.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_classified_by_code() {
        use FailureReason::*;
        for (reply, reason) in [
            ("550 5.1.1 <a@b.example>: unknown", NoMailbox),
            ("550 5.1.6 moved", NoMailbox),
            ("556 5.1.10 null MX", NoDomain),
            ("550 5.1.2 no such host", NoDomain),
            ("450 4.4.4 no route", NoDomain),
            ("550 5.2.1 disabled", MailboxOff),
            ("552 5.2.2 over quota", MailboxFull),
            ("452 4.2.2 full", MailboxFull),
            ("552 too much mail", MailboxFull),
            ("552 5.3.4 too big", TooBig),
            ("550 5.7.26 unauthenticated", Unwelcome),
            ("554 looks like spam", Unwelcome),
            ("451 4.7.1 greylisted", GaveUp),
            ("450 try later", GaveUp),
            ("550 no", Refused),
            ("550 5.1.0 rejected", Refused),
            ("connection refused", NoAnswer),
            ("999 hm", NoAnswer),
            ("", NoAnswer),
        ] {
            assert_eq!(FailureReason::from_reply(reply), reason, "{reply}");
        }
    }
}
