//! When there is no reply to judge.

use std::io;
use std::time::Duration;

use crate::domain::delivery::outcome::{DeferReason, HaltReason, Outcome, SmtpResult};
use crate::mail::reply::{SmtpPhase, one_line};
use crate::mail::smtp::reply_parser::BadReply;

#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    #[error("the server closed the connection")]
    Closed,
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error(transparent)]
    BadReply(#[from] BadReply),
}

impl WireError {
    /// The other end is gone; not merely slow, or hard to understand.
    pub fn is_hang_up(&self) -> bool {
        matches!(self, Self::Closed | Self::Io(_))
    }

    /// Before the final dot a broken connection means that nothing was taken over; after
    /// it nobody can know (RFC 1047).
    pub fn report(&self, phase: SmtpPhase) -> SmtpResult {
        let outcome = match phase {
            SmtpPhase::Dot => Outcome::InDoubt,
            _ => Outcome::Deferred(DeferReason::Connection),
        };
        SmtpResult {
            outcome,
            reply: one_line(&format!("{self} ({})", place(phase))),
        }
    }
}

fn place(phase: SmtpPhase) -> &'static str {
    match phase {
        SmtpPhase::Connect => "connecting",
        SmtpPhase::Ehlo => "at EHLO",
        SmtpPhase::StartTls => "at STARTTLS",
        SmtpPhase::Auth => "at AUTH",
        SmtpPhase::MailFrom => "at MAIL",
        SmtpPhase::RcptTo => "at RCPT",
        SmtpPhase::Data => "at DATA",
        SmtpPhase::Dot => "after the message",
    }
}

/// Something that only the operator can mend.
pub(super) fn settings(says: &str) -> SmtpResult {
    SmtpResult {
        outcome: Outcome::Halted(HaltReason::Settings),
        reply: one_line(says),
    }
}
