//! What a server's reply means (RFC 5321 §4.2, RFC 3463, RFC 5248): one pure function.

use std::fmt;

use crate::domain::delivery::outcome::{
    BounceReason, DeferReason, HaltReason, Outcome, SmtpResult,
};

/// Where in the conversation a reply came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SmtpPhase {
    /// The greeting.
    Connect,
    /// EHLO or HELO.
    Ehlo,
    StartTls,
    Auth,
    MailFrom,
    RcptTo,
    Data,
    /// After the final dot.
    Dot,
}

impl SmtpPhase {
    /// Whether `code` lets the conversation go on.
    pub fn goes_on_with(self, code: u16) -> bool {
        match self {
            Self::Data => code == 354,
            _ => (200..300).contains(&code),
        }
    }
}

/// An enhanced status code (RFC 3463): class, subject, detail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enhanced(pub u16, pub u16, pub u16);

impl Enhanced {
    /// The one that `text` begins with, if it agrees with `code` (RFC 2034 §4).
    pub fn at_start_of(text: &str, code: u16) -> Option<Self> {
        let word = text.split_whitespace().next()?;
        let mut numbers = word.split('.').map(|part| {
            let is_number =
                (1..=3).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
            is_number.then(|| part.parse().ok()).flatten()
        });
        let found = Self(numbers.next()??, numbers.next()??, numbers.next()??);
        (numbers.next().is_none() && found.0 == code / 100).then_some(found)
    }
}

/// A reply as it was read: all its lines in one, cut to a bearable length.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    /// Without the codes at the start of each line. One clean line.
    pub text: String,
}

impl Reply {
    /// What it means for the mail at hand, with the server's words.
    pub fn report(&self, phase: SmtpPhase) -> SmtpResult {
        let enhanced = Enhanced::at_start_of(&self.text, self.code);
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

/// Masked: servers like to repeat the address.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({})", self.code)
    }
}

/// The table of replies.
///
/// `text` only helps where the codes leave a doubt. A success in the middle of the
/// conversation is no outcome: ask [`Phase::goes_on_with`] first.
pub fn classify(phase: SmtpPhase, code: u16, enhanced: Option<Enhanced>, text: &str) -> Outcome {
    match code {
        _ if phase == SmtpPhase::Dot && phase.goes_on_with(code) => Outcome::Delivered,
        400..500 => temporary(phase, code, enhanced, text),
        500..600 => permanent(phase, code, enhanced),
        // The dot was sent, and what came back is no answer to it.
        _ if phase == SmtpPhase::Dot => Outcome::InDoubt,
        _ => Outcome::Deferred(DeferReason::Connection),
    }
}

fn temporary(phase: SmtpPhase, code: u16, enhanced: Option<Enhanced>, text: &str) -> Outcome {
    Outcome::Deferred(match enhanced {
        _ if code == 421 => DeferReason::Throttled,
        Some(Enhanced(_, 2, 2)) => DeferReason::MailboxFull,
        // Congestion, and Gmail's "unusual rate" (4.7.28).
        Some(Enhanced(_, 4, 5) | Enhanced(_, 7, 28)) => DeferReason::Throttled,
        _ if says_too_fast(text) => DeferReason::Throttled,
        _ if phase < SmtpPhase::MailFrom => DeferReason::Connection,
        _ => DeferReason::Refused,
    })
}

fn says_too_fast(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    ["too many", "too fast", "rate limit", "throttl"]
        .iter()
        .any(|words| text.contains(words))
}

fn permanent(phase: SmtpPhase, code: u16, enhanced: Option<Enhanced>) -> Outcome {
    if matches!(code, 530 | 535) {
        return Outcome::Halted(HaltReason::Settings);
    }
    match phase {
        // Nobody's mail has begun: there is no recipient to charge.
        SmtpPhase::Connect | SmtpPhase::Ehlo => match enhanced {
            Some(Enhanced(_, 7, _)) => Outcome::Halted(HaltReason::Settings),
            _ => Outcome::Deferred(DeferReason::Connection),
        },
        SmtpPhase::StartTls | SmtpPhase::Auth => Outcome::Halted(HaltReason::Settings),
        SmtpPhase::MailFrom => match enhanced {
            // Our own address is what it does not like.
            Some(Enhanced(_, 1, _)) => Outcome::Halted(HaltReason::Settings),
            _ => about_the_mail(phase, code, enhanced),
        },
        SmtpPhase::RcptTo | SmtpPhase::Data | SmtpPhase::Dot => {
            about_the_recipient(phase, code, enhanced)
                .unwrap_or_else(|| about_the_mail(phase, code, enhanced))
        }
    }
}

fn about_the_recipient(phase: SmtpPhase, code: u16, enhanced: Option<Enhanced>) -> Option<Outcome> {
    match enhanced {
        Some(Enhanced(_, 1, 1 | 2 | 3 | 6 | 10) | Enhanced(_, 2, 1)) => {
            Some(Outcome::Bounced(BounceReason::Dead))
        }
        // A full mailbox may be emptied: tried again like its 4yz twin.
        Some(Enhanced(_, 2, 2)) => Some(Outcome::Deferred(DeferReason::MailboxFull)),
        // RFC 5321 §4.5.3.1.10: many servers mean 452 when they say 552 here.
        _ if phase == SmtpPhase::RcptTo && code == 552 => {
            Some(Outcome::Deferred(DeferReason::Refused))
        }
        // Outlook.com's words for an unknown mailbox: no fault of the message.
        Some(Enhanced(_, 5, 0)) if phase == SmtpPhase::RcptTo && code == 550 => {
            Some(Outcome::Bounced(BounceReason::Unclear))
        }
        _ => None,
    }
}

fn about_the_mail(phase: SmtpPhase, code: u16, enhanced: Option<Enhanced>) -> Outcome {
    match enhanced {
        Some(Enhanced(_, 7, _)) => Outcome::Bounced(BounceReason::Policy),
        Some(Enhanced(_, 3, 4) | Enhanced(_, 5 | 6, _)) => Outcome::Halted(HaltReason::OurMessage),
        // Bare "syntax error" and the like are 5.5.x without saying so; so is "too large".
        None if matches!(code, 500..=504 | 555) => Outcome::Halted(HaltReason::OurMessage),
        None if code == 552 => Outcome::Halted(HaltReason::OurMessage),
        _ if phase == SmtpPhase::RcptTo && code != 554 => Outcome::Bounced(BounceReason::Unclear),
        _ => Outcome::Bounced(BounceReason::Policy),
    }
}

const LINE_MAX: usize = 300;

/// At most 300 characters on one line, fit to be shown and stored: control and
/// direction-changing characters are gone, runs of white space are one space.
pub fn one_line(text: &str) -> String {
    let clean: String = text
        .chars()
        .take(4 * LINE_MAX)
        .filter(|c| !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line = clean.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LINE_MAX) {
        Some(_) => line.chars().take(LINE_MAX - 1).chain(['…']).collect(),
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

    /// phase, the server's words, what they mean.
    const TABLE: &[(SmtpPhase, &str, Outcome)] = &[
        (Dot, "250 2.0.0 Ok: queued as 4F2", Delivered),
        (Dot, "200 odd but kind", Delivered),
        // The address is dead.
        (RcptTo, "550 5.1.1 no such user", Bounced(Dead)),
        (RcptTo, "550 5.1.2 no such host", Bounced(Dead)),
        (RcptTo, "553 5.1.3 bad syntax", Bounced(Dead)),
        (RcptTo, "551 5.1.6 moved", Bounced(Dead)),
        (RcptTo, "556 5.1.10 null MX", Bounced(Dead)),
        (RcptTo, "550 5.2.1 disabled", Bounced(Dead)),
        (Dot, "550 5.1.1 no such user", Bounced(Dead)),
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
        (Auth, "454 4.7.0 no log-in just now", Deferred(Connection)),
        (Connect, "421 4.3.2 going down", Deferred(Throttled)),
        (MailFrom, "421 4.7.0 slow down", Deferred(Throttled)),
        (Dot, "421 4.7.28 unusual rate", Deferred(Throttled)),
        (RcptTo, "450 4.7.28 unusual rate", Deferred(Throttled)),
        (RcptTo, "451 4.4.5 congested", Deferred(Throttled)),
        (MailFrom, "451 Too many connections", Deferred(Throttled)),
        // Policy: about us, never about the reader.
        (RcptTo, "550 5.7.1 relaying denied", Bounced(Policy)),
        (Dot, "550 5.7.26 unauthenticated", Bounced(Policy)),
        (Dot, "554 looks like spam", Bounced(Policy)),
        (Data, "554 no", Bounced(Policy)),
        (RcptTo, "554 no", Bounced(Policy)),
        (MailFrom, "550 5.7.1 not you", Bounced(Policy)),
        (MailFrom, "550 no", Bounced(Policy)),
        (Dot, "550 no", Bounced(Policy)),
        // Our message.
        (Dot, "552 5.3.4 too big", Halted(OurMessage)),
        (MailFrom, "552 too big", Halted(OurMessage)),
        (RcptTo, "503 5.5.1 sequence", Halted(OurMessage)),
        (Data, "500 what?", Halted(OurMessage)),
        (Dot, "550 5.6.0 malformed", Halted(OurMessage)),
        (MailFrom, "555 parameters", Halted(OurMessage)),
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
        // Nobody's mail had begun.
        (Connect, "554 no service here", Deferred(Connection)),
        (Ehlo, "500 5.3.0 failed", Deferred(Connection)),
        // Unclear.
        (RcptTo, "550 no", Bounced(Unclear)),
        (RcptTo, "550 5.5.0 mailbox unavailable", Bounced(Unclear)),
        (RcptTo, "550 5.1.0 rejected", Bounced(Unclear)),
        (RcptTo, "550 5.4.1 access denied", Bounced(Unclear)),
        (RcptTo, "500 5.3.0 failed", Bounced(Unclear)),
        // Classes that disagree: the enhanced code is not believed.
        (RcptTo, "550 4.7.1 confused", Bounced(Unclear)),
        (RcptTo, "450 5.1.1 confused", Deferred(Refused)),
        // Nonsense, before the dot and after it.
        (MailFrom, "354 go ahead", Deferred(Connection)),
        (Data, "250 ok", Deferred(Connection)),
        (RcptTo, "999 hm", Deferred(Connection)),
        (Dot, "354 go ahead", InDoubt),
        (Dot, "000 hm", InDoubt),
    ];

    #[test]
    fn the_table() {
        for (phase, words, outcome) in TABLE {
            let (code, text) = words.split_once(' ').unwrap();
            let reply = Reply {
                code: code.parse().unwrap(),
                text: text.to_owned(),
            };
            let report = reply.report(*phase);
            assert_eq!(report.outcome, *outcome, "{phase:?} {words}");
            if reply.code != 0 {
                assert_eq!(report.reply, *words);
            }
        }
    }

    #[test]
    fn enhanced_codes_are_read_where_they_are_ones() {
        assert_eq!(
            Enhanced::at_start_of("5.1.10 null MX", 556),
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
            assert_eq!(Enhanced::at_start_of(text, 550), None, "{text}");
        }
    }

    #[test]
    fn words_are_made_fit_to_show() {
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
        fn every_reply_means_something(code in 0u16..1000, text in "\\PC{0,60}") {
            for phase in [Connect, Ehlo, StartTls, Auth, MailFrom, RcptTo, Data, Dot] {
                let report = Reply { code, text: text.clone() }.report(phase);
                prop_assert!(!report.reply.chars().any(char::is_control));
                let dead = report.outcome == Bounced(Dead);
                prop_assert!(!dead || phase >= RcptTo, "nobody dies before they are named");
                prop_assert!(report.outcome != Delivered || phase == Dot);
                prop_assert!(report.outcome != InDoubt || phase == Dot);
            }
        }
    }
}
