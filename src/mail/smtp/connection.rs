//! A conversation with a mail server.

use std::time::Duration;

use lettre::transport::smtp::commands::{Data, Mail, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::MailParameter;
use memchr::memmem;

use crate::domain::delivery::outcome::{DeferReason, Outcome, SmtpResult};
use crate::domain::email_address::EmailAddress;
use crate::mail::reply::{Reply, SmtpPhase};
use crate::mail::smtp::capabilities::Capabilities;
use crate::mail::smtp::error::WireError;
use crate::mail::smtp::reply_parser::Lines;
use crate::mail::smtp::stream::SmtpStream;
use crate::mail::smtp::timeouts::Timeouts;

/// How far the last mail came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// To its end, or there was none yet.
    Over,
    /// The server has not said a word since it was begun.
    Unheard,
    /// The server answered; the final dot was not sent.
    Answered,
    /// All of it was written, and what came of it is not known.
    HandedOver,
}

/// An open connection: greeted, encrypted and logged in as the settings ask.
pub struct Connection {
    pub(super) wire: SmtpStream,
    pub(super) offered: Capabilities,
    pub(super) timeouts: Timeouts,
    pub(super) usable: bool,
    pub(super) progress: Progress,
    /// It had brought a mail before the last one.
    pub(super) is_reused: bool,
    pub(super) had_ended: bool,
}

impl Connection {
    /// Sends one message (ASCII, CRLF) to one recipient and says what became of it.
    pub async fn send(
        &mut self,
        from: &EmailAddress,
        to: &EmailAddress,
        message: Vec<u8>,
    ) -> SmtpResult {
        let (Ok(report) | Err(report)) = self.try_send(from, to, message).await;
        self.is_reused = true;
        report
    }

    async fn try_send(
        &mut self,
        from: &EmailAddress,
        to: &EmailAddress,
        message: Vec<u8>,
    ) -> Result<SmtpResult, SmtpResult> {
        if !self.usable {
            return Err(WireError::Closed.report(SmtpPhase::MailFrom));
        }
        let before = self.progress;
        self.progress = Progress::Unheard;
        if before != Progress::Over {
            self.ask(
                SmtpPhase::MailFrom,
                &Rset.to_string(),
                self.timeouts.command,
            )
            .await?;
        }
        let size = self
            .offered
            .size
            .then_some(MailParameter::Size(message.len()));
        let envelope = [
            (
                SmtpPhase::MailFrom,
                Mail::new(Some(from.into()), size.into_iter().collect()).to_string(),
                self.timeouts.mail,
            ),
            (
                SmtpPhase::RcptTo,
                Rcpt::new(to.into(), Vec::new()).to_string(),
                self.timeouts.rcpt,
            ),
            (SmtpPhase::Data, Data.to_string(), self.timeouts.data),
        ];
        if self.offered.pipelining {
            self.pipeline(&envelope).await?;
        } else {
            for (phase, command, limit) in &envelope {
                self.ask(*phase, command, *limit).await?;
            }
        }
        fail_point!("envelope-accepted");
        self.hand_over(message).await
    }

    /// The whole envelope in one write (RFC 2920): one round trip instead of three.
    async fn pipeline(
        &mut self,
        envelope: &[(SmtpPhase, String, Duration)],
    ) -> Result<(), SmtpResult> {
        let commands: String = envelope
            .iter()
            .map(|(_, command, _)| command.as_str())
            .collect();
        if let Err(error) = self
            .wire
            .write(commands.as_bytes(), self.timeouts.block)
            .await
        {
            return Err(self.broken(SmtpPhase::MailFrom, &error));
        }
        fail_point!("envelope-written");
        // The first refusal is the verdict, but every answer has to be read.
        let mut verdict = Ok(());
        let mut wants_body = false;
        for (phase, _, limit) in envelope {
            match self.read(*limit).await {
                Ok(reply) => {
                    wants_body = *phase == SmtpPhase::Data && phase.goes_on_with(reply.code);
                    verdict = verdict.and(self.judged(*phase, reply));
                }
                Err(error) => return verdict.and(Err(self.broken(*phase, &error))),
            }
        }
        if verdict.is_err() && wants_body {
            // RFC 2920 §3.1: it waits for a message to nobody, and gets an empty one.
            let dot = self
                .exchange(SmtpPhase::Data, ".\r\n", self.timeouts.data)
                .await;
            if dot.is_ok() {
                self.progress = Progress::Over;
            }
        }
        verdict
    }

    /// The message and the final dot in one write, and the answer.
    async fn hand_over(&mut self, message: Vec<u8>) -> Result<SmtpResult, SmtpResult> {
        let body = dot_stuffed(message);
        if let Err(error) = self.wire.write(&body, self.timeouts.block).await {
            let report = self.broken(SmtpPhase::Data, &error);
            // A server that hangs up on a message may have said why.
            return match self.wire.read(self.timeouts.quit).await {
                Ok(reply) if reply.code >= 400 => Err(Reply::from(reply).report(SmtpPhase::Dot)),
                _ => Err(report),
            };
        }
        self.progress = Progress::HandedOver;
        fail_point!("dot-written");
        match self.wire.read(self.timeouts.dot).await {
            Ok(reply) => {
                fail_point!("reply-read");
                self.progress = Progress::Over;
                let report = self.judged_report(SmtpPhase::Dot, reply);
                self.usable &= report.outcome != Outcome::InDoubt;
                Ok(report)
            }
            Err(error) => Err(self.broken(SmtpPhase::Dot, &error)),
        }
    }

    /// Whether another mail can go this way.
    pub fn is_usable(&self) -> bool {
        self.usable
    }

    /// Whether the server hung up between the last mail and the one before: it answered
    /// nothing to the last one, and the message itself was not begun.
    pub fn was_closed_by_peer(&self) -> bool {
        self.had_ended
    }

    /// Whether the server may have taken the last mail over though it is not known. Asked
    /// when nobody waited for the end of [`Self::send`]: what is written of the message
    /// without its final dot is no mail.
    pub fn is_in_doubt(&self) -> bool {
        self.progress == Progress::HandedOver
    }

    /// Takes leave, without waiting long for the answer.
    pub async fn quit(mut self) {
        if self.usable {
            // It is over whatever the server says.
            let _ = self
                .exchange(SmtpPhase::Ehlo, &Quit.to_string(), self.timeouts.quit)
                .await;
        }
    }

    /// A command that must be answered well.
    pub(super) async fn ask(
        &mut self,
        phase: SmtpPhase,
        command: &str,
        limit: Duration,
    ) -> Result<(), SmtpResult> {
        let reply = self.exchange(phase, command, limit).await?;
        self.judged(phase, reply)
    }

    pub(super) async fn exchange(
        &mut self,
        phase: SmtpPhase,
        command: &str,
        limit: Duration,
    ) -> Result<Lines, SmtpResult> {
        let reply = match self.wire.write(command.as_bytes(), limit).await {
            Ok(()) => self.read(limit).await,
            Err(error) => Err(error),
        };
        reply.map_err(|error| self.broken(phase, &error))
    }

    async fn read(&mut self, limit: Duration) -> Result<Lines, WireError> {
        let reply = self.wire.read(limit).await?;
        if self.progress == Progress::Unheard {
            self.progress = Progress::Answered;
        }
        Ok(reply)
    }

    fn broken(&mut self, phase: SmtpPhase, error: &WireError) -> SmtpResult {
        self.usable = false;
        self.had_ended = self.is_reused && self.progress == Progress::Unheard && error.is_hang_up();
        error.report(phase)
    }

    fn judged(&mut self, phase: SmtpPhase, reply: Lines) -> Result<(), SmtpResult> {
        if phase.goes_on_with(reply.code) {
            return Ok(());
        }
        Err(self.judged_report(phase, reply))
    }

    fn judged_report(&mut self, phase: SmtpPhase, reply: Lines) -> SmtpResult {
        // 421 announces that the server hangs up (RFC 5321 §3.8).
        if reply.code == 421 {
            self.usable = false;
        }
        let report = Reply::from(reply).report(phase);
        // Out of step with the server: what follows cannot be trusted.
        if report.outcome == Outcome::Deferred(DeferReason::Connection) {
            self.usable = false;
        }
        report
    }
}

/// The message as DATA wants it (RFC 5321 §4.5.2): lines that begin with a dot get
/// another, and a line with only a dot ends it.
pub(super) fn dot_stuffed(message: Vec<u8>) -> Vec<u8> {
    let mut body = if has_dotted_line(&message) {
        let mut body = Vec::with_capacity(message.len() + 64);
        for line in message.split_inclusive(|&b| b == b'\n') {
            if line.first() == Some(&b'.') {
                body.push(b'.');
            }
            body.extend_from_slice(line);
        }
        body
    } else {
        message
    };
    if !body.is_empty() && !body.ends_with(b"\r\n") {
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b".\r\n");
    body
}

fn has_dotted_line(message: &[u8]) -> bool {
    message.first() == Some(&b'.') || memmem::find(message, b"\n.").is_some()
}
