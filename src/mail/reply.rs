//! Classifies SMTP replies (RFC 5321 §4.2, RFC 3463, RFC 5248). Pure functions.

use std::fmt;

use crate::domain::delivery::outcome::{
    BounceReason, DeferReason, HaltReason, Outcome, SmtpResult,
};

/// Phase of the SMTP dialogue to which a reply belongs, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SmtpPhase {
    /// The greeting after connecting.
    Connect,
    /// EHLO or HELO.
    Ehlo,
    /// STARTTLS, and the TLS handshake.
    StartTls,
    /// AUTH.
    Auth,
    /// MAIL FROM, and RSET before it.
    MailFrom,
    /// RCPT TO.
    RcptTo,
    /// DATA.
    Data,
    /// After the final dot of the message.
    Dot,
}

impl SmtpPhase {
    /// Returns whether `code` allows the dialogue to continue.
    pub fn is_success(self, code: u16) -> bool {
        match self {
            Self::Data => code == 354,
            _ => (200..300).contains(&code),
        }
    }
}

/// Enhanced status code (RFC 3463): class, subject, detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enhanced(pub u16, pub u16, pub u16);

impl Enhanced {
    /// Parses the code at the start of `text`.
    ///
    /// Returns `None` if its class differs from that of `code` (RFC 2034 §4).
    pub fn parse_prefix(text: &str, code: u16) -> Option<Self> {
        let word = text.split_whitespace().next()?;
        let mut numbers = word.split('.').map(|part| {
            let is_number =
                (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| part.parse().ok()).flatten()
        });
        let enhanced = Self(numbers.next()??, numbers.next()??, numbers.next()??);
        (numbers.next().is_none() && enhanced.0 == code / 100).then_some(enhanced)
    }
}

/// An SMTP reply, with its lines joined and cut to a maximum length.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// Reply code.
    pub code: u16,
    /// Text of all lines, separated by spaces, without the reply codes.
    pub text: String,
}

impl Reply {
    /// Returns what the reply means for the current message.
    pub fn to_result(&self, phase: SmtpPhase) -> SmtpResult {
        let enhanced = Enhanced::parse_prefix(&self.text, self.code);
        SmtpResult {
            outcome: classify(phase, self.code, enhanced, &self.text),
            reply: one_line(&self.to_string()),
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text)
    }
}

/// Shows the code only, because the text may repeat the recipient's address.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({})", self.code)
    }
}

/// Returns the outcome that a reply means for the current message.
///
/// `text` is used only where the codes are ambiguous. Success replies before the final dot
/// have no outcome; check [`SmtpPhase::is_success`] first.
pub fn classify(phase: SmtpPhase, code: u16, enhanced: Option<Enhanced>, text: &str) -> Outcome {
    match code {
        _ if phase == SmtpPhase::Dot && phase.is_success(code) => Outcome::Delivered,
        400..500 => classify_transient(phase, code, enhanced, text),
        500..600 => classify_permanent(phase, code, enhanced, text),
        // The dot was sent, and the reply does not say whether the message was accepted.
        _ if phase == SmtpPhase::Dot => Outcome::InDoubt,
        _ => Outcome::Deferred(DeferReason::Connection),
    }
}

fn classify_transient(
    phase: SmtpPhase,
    code: u16,
    enhanced: Option<Enhanced>,
    text: &str,
) -> Outcome {
    Outcome::Deferred(match enhanced {
        _ if code == 421 => DeferReason::Throttled,
        Some(Enhanced(_, 2, 2)) => DeferReason::MailboxFull,
        // Exchange's 4.3.2, congestion (4.4.5), and Gmail's "unusual rate" (4.7.28).
        Some(Enhanced(_, 3, 2)) if code == 432 => DeferReason::Throttled,
        Some(Enhanced(_, 4, 5) | Enhanced(_, 7, 28)) => DeferReason::Throttled,
        // 454 belongs to STARTTLS and AUTH; SES throttles with it.
        _ if code == 454 && phase >= SmtpPhase::MailFrom => DeferReason::Throttled,
        _ if mentions_rate_limit(text) => DeferReason::Throttled,
        _ if phase < SmtpPhase::MailFrom => DeferReason::Connection,
        _ => DeferReason::Refused,
    })
}

/// Phrases of transient replies that ask for fewer messages or connections.
const RATE_PHRASES: &[&str] = &[
    "too many",
    "too much mail",
    "too fast",
    "rate limit",
    "throttl",
    "limit exceeded",
    "exceeded the max",
    "exceeded the rate",
    "sending rate",
    "sending limit",
    "sending quota",
    "message quota",
    "messages per",
    "per second",
    "per minute",
    "per hour",
    "per day",
];

fn mentions_rate_limit(text: &str) -> bool {
    contains_any(text, RATE_PHRASES)
}

/// Phrases of permanent replies that concern the sender, although their code does not say so.
const SENDER_PHRASES: &[&str] = &[
    "relay",
    "sender verif",
    "sender address rejected",
    "verification failed for",
    "authenticat",
    "blacklist",
    "blocklist",
    "block list",
    "denylist",
    "dnsbl",
    "rbl",
    "spamhaus",
    "spamcop",
    "barracuda",
    "reputation",
    "spam",
    "spf",
    "dkim",
    "dmarc",
    "reverse dns",
    "ptr record",
    "your ip",
    "client host",
];

fn concerns_sender(text: &str) -> bool {
    mentions_rate_limit(text) || contains_any(text, SENDER_PHRASES)
}

fn contains_any(text: &str, phrases: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    phrases.iter().any(|phrase| text.contains(phrase))
}

fn classify_permanent(
    phase: SmtpPhase,
    code: u16,
    enhanced: Option<Enhanced>,
    text: &str,
) -> Outcome {
    if matches!(code, 530 | 535) {
        return Outcome::Halted(HaltReason::Settings);
    }
    match phase {
        // No message was started, so there is no recipient to charge.
        SmtpPhase::Connect | SmtpPhase::Ehlo => match enhanced {
            Some(Enhanced(_, 7, _)) => Outcome::Halted(HaltReason::Settings),
            _ => Outcome::Deferred(DeferReason::Connection),
        },
        SmtpPhase::StartTls | SmtpPhase::Auth => Outcome::Halted(HaltReason::Settings),
        SmtpPhase::MailFrom => match enhanced {
            // 5.1.x after MAIL FROM concerns the sender's address.
            Some(Enhanced(_, 1, _)) => Outcome::Halted(HaltReason::Settings),
            _ => classify_message_rejection(code, enhanced),
        },
        SmtpPhase::RcptTo => classify_recipient_rejection(phase, code, enhanced)
            .unwrap_or_else(|| classify_rejection_at_rcpt(code, enhanced, text)),
        SmtpPhase::Data | SmtpPhase::Dot => classify_recipient_rejection(phase, code, enhanced)
            .unwrap_or_else(|| classify_message_rejection(code, enhanced)),
    }
}

/// Returns the outcome of a rejection of the recipient; `None` for others.
fn classify_recipient_rejection(
    phase: SmtpPhase,
    code: u16,
    enhanced: Option<Enhanced>,
) -> Option<Outcome> {
    match enhanced {
        Some(Enhanced(_, 1, 1 | 2 | 3 | 6 | 10) | Enhanced(_, 2, 1)) => {
            Some(Outcome::Bounced(BounceReason::InvalidAddress))
        }
        // Retried like 4.2.2, because the recipient may still empty the mailbox.
        Some(Enhanced(_, 2, 2)) => Some(Outcome::Deferred(DeferReason::MailboxFull)),
        // RFC 5321 §4.5.3.1.10: many servers reply 552 here where they should reply 452.
        _ if phase == SmtpPhase::RcptTo && code == 552 => {
            Some(Outcome::Deferred(DeferReason::Refused))
        }
        // Outlook.com replies 550 5.5.0 for an unknown mailbox, although 5.5.x means a
        // protocol error.
        Some(Enhanced(_, 5, 0)) if phase == SmtpPhase::RcptTo && code == 550 => {
            Some(Outcome::Bounced(BounceReason::Unclear))
        }
        _ => None,
    }
}

/// Returns the outcome of a rejection at RCPT TO that does not name a dead mailbox.
///
/// No message was transferred, so a syntax error concerns the recipient's address until many
/// recipients get it in a row. System status (5.3.x) and routing (5.4.x, for example Gmail's daily
/// sending limit 5.4.5) are never about the address.
fn classify_rejection_at_rcpt(code: u16, enhanced: Option<Enhanced>, text: &str) -> Outcome {
    match enhanced {
        Some(Enhanced(_, 5, 1 | 2)) => Outcome::Halted(HaltReason::Message),
        Some(Enhanced(_, 3..=7, _)) => Outcome::Bounced(BounceReason::Policy),
        None if matches!(code, 500 | 502..=504) => Outcome::Halted(HaltReason::Message),
        None if matches!(code, 501 | 554 | 555) => Outcome::Bounced(BounceReason::Policy),
        _ if code == 554 || concerns_sender(text) => Outcome::Bounced(BounceReason::Policy),
        _ => Outcome::Bounced(BounceReason::Unclear),
    }
}

/// Returns the outcome of a rejection of the message or its sender.
fn classify_message_rejection(code: u16, enhanced: Option<Enhanced>) -> Outcome {
    match enhanced {
        Some(Enhanced(_, 7, _)) => Outcome::Bounced(BounceReason::Policy),
        Some(Enhanced(_, 3, 4) | Enhanced(_, 5 | 6, _)) => Outcome::Halted(HaltReason::Message),
        // Without an enhanced code: syntax errors mean 5.5.x, and 552 means too large.
        None if matches!(code, 500..=504 | 552 | 555) => Outcome::Halted(HaltReason::Message),
        _ => Outcome::Bounced(BounceReason::Policy),
    }
}

/// Maximum characters of a stored reply: an explanation and one link.
const MAX_LINE_CHARS: usize = 300;

/// Returns `text` as a single line of at most 300 characters.
///
/// The line is safe to store and to show. Control characters become spaces, bidirectional
/// control characters are removed, and runs of white space are collapsed.
pub fn one_line(text: &str) -> String {
    let clean: String = text
        .chars()
        .take(4 * MAX_LINE_CHARS)
        .filter(|c| !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_LINE_CHARS) {
        Some(_) => line.chars().take(MAX_LINE_CHARS - 1).chain(['…']).collect(),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::SmtpPhase::*;
    use super::*;
    use BounceReason::*;
    use DeferReason::{Connection, MailboxFull, Refused, Throttled};
    use HaltReason::*;
    use Outcome::*;

    /// Phase, reply and expected outcome.
    const TABLE: &[(SmtpPhase, &str, Outcome)] = &[
        (Dot, "250 2.0.0 Ok: queued as 4F2", Delivered),
        (Dot, "200 odd but kind", Delivered),
        // The address is invalid.
        (RcptTo, "550 5.1.1 no such user", Bounced(InvalidAddress)),
        (RcptTo, "550 5.1.2 no such host", Bounced(InvalidAddress)),
        (RcptTo, "553 5.1.3 bad syntax", Bounced(InvalidAddress)),
        (RcptTo, "551 5.1.6 moved", Bounced(InvalidAddress)),
        (RcptTo, "556 5.1.10 null MX", Bounced(InvalidAddress)),
        (RcptTo, "550 5.2.1 disabled", Bounced(InvalidAddress)),
        (Dot, "550 5.1.1 no such user", Bounced(InvalidAddress)),
        // The mailbox is full.
        (RcptTo, "452 4.2.2 over quota", Deferred(MailboxFull)),
        (RcptTo, "552 5.2.2 over quota", Deferred(MailboxFull)),
        (Dot, "552 5.2.2 over quota", Deferred(MailboxFull)),
        // Temporary.
        (RcptTo, "451 4.7.1 greylisted", Deferred(Refused)),
        (RcptTo, "450 try later", Deferred(Refused)),
        (MailFrom, "451 4.3.0 try later", Deferred(Refused)),
        (Data, "451 4.3.0 try later", Deferred(Refused)),
        (Dot, "451 4.4.2 timeout", Deferred(Refused)),
        (RcptTo, "552 too many recipients", Deferred(Refused)),
        (Connect, "450 4.3.0 later", Deferred(Connection)),
        (Ehlo, "450 later", Deferred(Connection)),
        (StartTls, "454 4.7.0 no TLS just now", Deferred(Connection)),
        (Auth, "454 4.7.0 no login just now", Deferred(Connection)),
        (Connect, "421 4.3.2 going down", Deferred(Throttled)),
        (MailFrom, "421 4.7.0 slow down", Deferred(Throttled)),
        (Dot, "421 4.7.28 unusual rate", Deferred(Throttled)),
        (RcptTo, "450 4.7.28 unusual rate", Deferred(Throttled)),
        (RcptTo, "451 4.4.5 congested", Deferred(Throttled)),
        (MailFrom, "451 Too many connections", Deferred(Throttled)),
        // Policy rejections, which concern the sender.
        (RcptTo, "550 5.7.1 relaying denied", Bounced(Policy)),
        (Dot, "550 5.7.26 unauthenticated", Bounced(Policy)),
        (Dot, "554 looks like spam", Bounced(Policy)),
        (Data, "554 no", Bounced(Policy)),
        (RcptTo, "554 no", Bounced(Policy)),
        (MailFrom, "550 5.7.1 not you", Bounced(Policy)),
        (MailFrom, "550 no", Bounced(Policy)),
        (Dot, "550 no", Bounced(Policy)),
        // The message is rejected.
        (Dot, "552 5.3.4 too big", Halted(Message)),
        (MailFrom, "552 too big", Halted(Message)),
        (RcptTo, "503 5.5.1 sequence", Halted(Message)),
        (Data, "500 what?", Halted(Message)),
        (Dot, "550 5.6.0 malformed", Halted(Message)),
        (MailFrom, "555 parameters", Halted(Message)),
        // Settings.
        (
            MailFrom,
            "530 5.7.0 must issue STARTTLS first",
            Halted(Settings),
        ),
        (MailFrom, "530 log in first", Halted(Settings)),
        (Auth, "535 5.7.8 wrong password", Halted(Settings)),
        (Auth, "504 no such mechanism", Halted(Settings)),
        (StartTls, "501 no parameters", Halted(Settings)),
        (Connect, "554 5.7.1 blocked", Halted(Settings)),
        (
            MailFrom,
            "553 5.1.8 sender's domain unknown",
            Halted(Settings),
        ),
        // No message was started.
        (Connect, "554 no service here", Deferred(Connection)),
        (Ehlo, "500 5.3.0 failed", Deferred(Connection)),
        // Unclear.
        (RcptTo, "550 no", Bounced(Unclear)),
        (RcptTo, "550 5.5.0 mailbox unavailable", Bounced(Unclear)),
        (RcptTo, "550 5.1.0 rejected", Bounced(Unclear)),
        // About the sender, as the codes or the words say.
        (RcptTo, "550 5.4.1 access denied", Bounced(Policy)),
        (RcptTo, "500 5.3.0 failed", Bounced(Policy)),
        (
            RcptTo,
            "550 5.4.5 Daily user sending limit exceeded",
            Bounced(Policy),
        ),
        (RcptTo, "550 relay not permitted", Bounced(Policy)),
        (
            RcptTo,
            "550 Verification failed for <news@example.com> Sender verify failed",
            Bounced(Policy),
        ),
        (
            RcptTo,
            "550 Domain example.com has exceeded the max emails per hour (30/30 (100%)) allowed",
            Bounced(Policy),
        ),
        (
            RcptTo,
            "550 192.0.2.1 is listed at zen.spamhaus.org",
            Bounced(Policy),
        ),
        // About this recipient until many get it in a row.
        (
            RcptTo,
            "501 Syntax error in recipient address",
            Bounced(Policy),
        ),
        (
            RcptTo,
            "555 RCPT TO parameters not recognized",
            Bounced(Policy),
        ),
        (RcptTo, "550 5.5.4 bad argument", Bounced(Policy)),
        (RcptTo, "553 5.6.7 no SMTPUTF8 here", Bounced(Policy)),
        (
            RcptTo,
            "550 Invalid recipient: ada@example.org",
            Bounced(Unclear),
        ),
        // More words for too much mail.
        (
            MailFrom,
            "450 4.7.1 Error: too much mail from 192.0.2.1",
            Deferred(Throttled),
        ),
        (
            Dot,
            "454 Throttling failure: Maximum sending rate exceeded.",
            Deferred(Throttled),
        ),
        (
            MailFrom,
            "432 4.3.2 Concurrent connections",
            Deferred(Throttled),
        ),
        (
            RcptTo,
            "451 sent 500 messages per hour",
            Deferred(Throttled),
        ),
        (MailFrom, "454 4.5.3 slow down", Deferred(Throttled)),
        // The classes of the two codes differ: the enhanced code is ignored.
        (RcptTo, "550 4.7.1 confused", Bounced(Unclear)),
        (RcptTo, "450 5.1.1 confused", Deferred(Refused)),
        // Invalid replies, before the final dot and after it.
        (MailFrom, "354 go ahead", Deferred(Connection)),
        (Data, "250 ok", Deferred(Connection)),
        (RcptTo, "999 hm", Deferred(Connection)),
        (Dot, "354 go ahead", InDoubt),
        (Dot, "000 hm", InDoubt),
    ];

    #[test]
    fn replies_are_classified_by_phase_and_codes() {
        for (phase, line, outcome) in TABLE {
            let (code, text) = line.split_once(' ').unwrap();
            let reply = Reply {
                code: code.parse().unwrap(),
                text: text.to_owned(),
            };
            let result = reply.to_result(*phase);
            assert_eq!(result.outcome, *outcome, "{phase:?} {line}");
            if reply.code != 0 {
                assert_eq!(result.reply, *line);
            }
        }
    }

    #[test]
    fn enhanced_code_requires_three_numbers() {
        assert_eq!(
            Enhanced::parse_prefix("5.1.10 null MX", 556),
            Some(Enhanced(5, 1, 10))
        );
        for text in [
            "",
            "5.1",
            "5.1.1.1 x",
            "5.a.1",
            "10.0.0.1 blocked",
            "5..1",
            "5.1.1000",
        ] {
            assert_eq!(Enhanced::parse_prefix(text, 550), None, "{text}");
        }
    }

    #[test]
    fn one_line_removes_control_characters_and_cuts() {
        assert_eq!(
            one_line("550  no\r\n\tway\u{1b}[31m \u{202e}x\0"),
            "550 no way [31m x"
        );
        assert_eq!(one_line(&"é".repeat(1_000_000)).chars().count(), 300);
        assert_eq!(one_line(&"a".repeat(300)).len(), 300);
        assert_eq!(one_line(""), "");
    }

    proptest! {
        #[test]
        fn every_reply_has_a_consistent_outcome(code in 0u16..1000, text in "\\PC{0,60}") {
            for phase in [Connect, Ehlo, StartTls, Auth, MailFrom, RcptTo, Data, Dot] {
                let result = Reply { code, text: text.clone() }.to_result(phase);
                prop_assert!(!result.reply.chars().any(char::is_control));
                let is_invalid = result.outcome == Bounced(InvalidAddress);
                prop_assert!(!is_invalid || phase >= RcptTo, "no recipient before RCPT TO");
                prop_assert!(result.outcome != Delivered || phase == Dot);
                prop_assert!(result.outcome != InDoubt || phase == Dot);
            }
        }
    }
}
