//! Errors of the connection, where there is no reply to classify.

use std::io;
use std::time::Duration;

use crate::domain::delivery::outcome::{DeferReason, HaltReason, Outcome, SmtpResult};
use crate::mail::reply::{SmtpPhase, one_line};
use crate::mail::smtp::reply_parser::InvalidReply;

/// Why no reply was received.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamError {
    /// End of file.
    #[error("the server closed the connection")]
    Closed,
    /// The timeout of the phase has elapsed.
    #[error("no reply within {} s", .0.as_secs())]
    Timeout(Duration),
    /// The socket or TLS failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The server sent something that is not an SMTP reply.
    #[error(transparent)]
    InvalidReply(#[from] InvalidReply),
}

impl StreamError {
    /// Returns whether the server has disconnected.
    pub fn is_disconnect(&self) -> bool {
        matches!(self, Self::Closed | Self::Io(_))
    }

    /// Returns what the error means for the current message.
    ///
    /// Before the final dot the server cannot have accepted the message; after it, the
    /// message may have been accepted (RFC 1047).
    pub fn to_result(&self, phase: SmtpPhase) -> SmtpResult {
        let outcome = match phase {
            SmtpPhase::Dot => Outcome::InDoubt,
            _ => Outcome::Deferred(DeferReason::Connection),
        };
        SmtpResult {
            outcome,
            reply: one_line(&format!("{self} ({})", describe(phase))),
        }
    }
}

fn describe(phase: SmtpPhase) -> &'static str {
    match phase {
        SmtpPhase::Connect => "while connecting",
        SmtpPhase::Ehlo => "after EHLO",
        SmtpPhase::StartTls => "after STARTTLS",
        SmtpPhase::Auth => "after AUTH",
        SmtpPhase::MailFrom => "after MAIL FROM",
        SmtpPhase::RcptTo => "after RCPT TO",
        SmtpPhase::Data => "after DATA",
        SmtpPhase::Dot => "after the message",
    }
}

/// Returns the result for an error that only the operator can fix.
pub(super) fn settings_error(description: &str) -> SmtpResult {
    SmtpResult {
        outcome: Outcome::Halted(HaltReason::Settings),
        reply: one_line(description),
    }
}
