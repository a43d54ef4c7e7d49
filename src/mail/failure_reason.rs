//! Why a copy did not arrive, as far as the server's last words tell it.

use crate::mail::reply::Enhanced;

/// Each has plain words on the desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FailureReason {
    NoMailbox,
    NoDomain,
    MailboxOff,
    MailboxFull,
    TooBig,
    /// Policy, reputation, spam: about us, not about the reader.
    Unwelcome,
    /// Refused for a while, and then it was too late.
    GaveUp,
    /// No reply of the mail server's at all.
    NoAnswer,
    Refused,
}

impl FailureReason {
    /// Reads `550 5.1.1 no such user` (RFC 3463, RFC 5248).
    pub fn from_reply(reply: &str) -> Self {
        let (code, text) = reply.split_once(' ').unwrap_or((reply, ""));
        let code: u16 = match code.parse() {
            Ok(code) if (200..600).contains(&code) => code,
            _ => return Self::NoAnswer,
        };
        match Enhanced::at_start_of(text, code) {
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

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoMailbox => "no_mailbox",
            Self::NoDomain => "no_domain",
            Self::MailboxOff => "mailbox_off",
            Self::MailboxFull => "mailbox_full",
            Self::TooBig => "too_big",
            Self::Unwelcome => "unwelcome",
            Self::GaveUp => "gave_up",
            Self::NoAnswer => "no_answer",
            Self::Refused => "refused",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_words_have_a_reason() {
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
