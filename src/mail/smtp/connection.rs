//! An open connection to a mail server, over which messages are sent.

use std::time::Duration;

use lettre::transport::smtp::commands::{Data, Mail, Quit, Rcpt, Rset};
use lettre::transport::smtp::extension::MailParameter;
use memchr::memmem;

use crate::domain::delivery::outcome::{DeferReason, Outcome, SmtpResult};
use crate::domain::email_address::EmailAddress;
use crate::mail::reply::{Reply, SmtpPhase};
use crate::mail::smtp::capabilities::Capabilities;
use crate::mail::smtp::error::StreamError;
use crate::mail::smtp::reply_parser::ReplyLines;
use crate::mail::smtp::stream::SmtpStream;
use crate::mail::smtp::timeouts::Timeouts;

/// How far the transfer of the last message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The server has replied to the final dot, or there was no message yet.
    Completed,
    /// The server has not replied to any command of this message.
    NoReply,
    /// The server has replied, and the final dot was not sent.
    Replied,
    /// The final dot was sent, and the server has not replied to it.
    DotSent,
}

/// An open connection, encrypted and authenticated as the settings require.
pub struct Connection {
    pub(super) stream: SmtpStream,
    pub(super) offered: Capabilities,
    pub(super) timeouts: Timeouts,
    pub(super) usable: bool,
    pub(super) progress: Progress,
    /// Whether a message was sent over the connection before.
    pub(super) is_reused: bool,
    pub(super) closed_by_peer: bool,
    /// Whether the server has accepted a message over the connection.
    pub(super) has_delivered: bool,
    pub(super) refused_when_used: bool,
}

impl Connection {
    /// Sends one message to one recipient and returns its result.
    ///
    /// `message` must be ASCII with CRLF line ends.
    pub async fn send(
        &mut self,
        from: &EmailAddress,
        to: &EmailAddress,
        message: Vec<u8>,
    ) -> SmtpResult {
        let (Ok(result) | Err(result)) = self.try_send(from, to, message).await;
        self.is_reused = true;
        self.has_delivered |= result.outcome == Outcome::Delivered;
        result
    }

    async fn try_send(
        &mut self,
        from: &EmailAddress,
        to: &EmailAddress,
        message: Vec<u8>,
    ) -> Result<SmtpResult, SmtpResult> {
        if !self.usable {
            return Err(StreamError::Closed.to_result(SmtpPhase::MailFrom));
        }
        let before = self.progress;
        self.progress = Progress::NoReply;
        if before != Progress::Completed {
            self.command(
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
            self.send_pipelined(&envelope).await?;
        } else {
            for (phase, command, limit) in &envelope {
                self.command(*phase, command, *limit).await?;
            }
        }
        fail_point!("envelope-accepted");
        self.send_message(message).await
    }

    /// Sends the envelope in one write (RFC 2920): one round trip instead of three.
    async fn send_pipelined(
        &mut self,
        envelope: &[(SmtpPhase, String, Duration)],
    ) -> Result<(), SmtpResult> {
        let commands: String = envelope
            .iter()
            .map(|(_, command, _)| command.as_str())
            .collect();
        if let Err(error) = self
            .stream
            .write(commands.as_bytes(), self.timeouts.block)
            .await
        {
            return Err(self.fail(SmtpPhase::MailFrom, &error));
        }
        fail_point!("envelope-written");
        // The first rejection is the result, but all replies have to be read.
        let mut result = Ok(());
        let mut expects_message = false;
        for (phase, _, limit) in envelope {
            match self.read(*limit).await {
                Ok(reply) => {
                    expects_message = *phase == SmtpPhase::Data && phase.is_success(reply.code);
                    result = result.and(self.require_success(*phase, reply));
                }
                Err(error) => return result.and(Err(self.fail(*phase, &error))),
            }
        }
        if result.is_err() && expects_message {
            // RFC 2920 §3.1: the server accepted DATA without a valid recipient. End it with
            // an empty message.
            let dot = self
                .exchange(SmtpPhase::Data, ".\r\n", self.timeouts.data)
                .await;
            if dot.is_ok() {
                self.progress = Progress::Completed;
            }
        }
        result
    }

    /// Sends the message and the final dot in one write, and reads the reply.
    async fn send_message(&mut self, message: Vec<u8>) -> Result<SmtpResult, SmtpResult> {
        let body = dot_stuffed(message);
        if let Err(error) = self.stream.write(&body, self.timeouts.block).await {
            let result = self.fail(SmtpPhase::Data, &error);
            // A server that disconnects during the message may have sent the reason.
            return match self.stream.read(self.timeouts.quit).await {
                Ok(reply) if reply.code >= 400 => Err(Reply::from(reply).to_result(SmtpPhase::Dot)),
                _ => Err(result),
            };
        }
        self.progress = Progress::DotSent;
        fail_point!("final-dot-written");
        match self.stream.read(self.timeouts.dot).await {
            Ok(reply) => {
                fail_point!("reply-read");
                self.progress = Progress::Completed;
                let result = self.classify(SmtpPhase::Dot, reply);
                self.usable &= result.outcome != Outcome::InDoubt;
                Ok(result)
            }
            Err(error) => Err(self.fail(SmtpPhase::Dot, &error)),
        }
    }

    /// Returns whether another message can be sent over this connection.
    pub fn is_usable(&self) -> bool {
        self.usable
    }

    /// Returns whether the server closed the connection between the last two messages.
    ///
    /// The server has then replied to no command of the last message, and the message itself
    /// was not sent.
    pub fn was_closed_by_peer(&self) -> bool {
        self.closed_by_peer
    }

    /// Returns whether the server temporarily refused the last MAIL FROM of a connection over
    /// which it had accepted messages, as servers do that limit the messages of a connection.
    pub fn was_refused_when_used(&self) -> bool {
        self.refused_when_used
    }

    /// Returns whether the server may have accepted a cancelled message.
    ///
    /// A message is cancelled by dropping the future of [`send`](Self::send). Without its
    /// final dot it cannot have been accepted.
    pub fn is_in_doubt(&self) -> bool {
        self.progress == Progress::DotSent
    }

    /// Sends QUIT and closes the connection.
    pub async fn quit(mut self) {
        if self.usable {
            // The connection is closed whatever the server replies.
            let _ = self
                .exchange(SmtpPhase::Ehlo, &Quit.to_string(), self.timeouts.quit)
                .await;
        }
    }

    /// Sends a command. Returns an error unless the reply is a success.
    pub(super) async fn command(
        &mut self,
        phase: SmtpPhase,
        command: &str,
        limit: Duration,
    ) -> Result<(), SmtpResult> {
        let reply = self.exchange(phase, command, limit).await?;
        self.require_success(phase, reply)
    }

    /// Sends a command and reads the reply.
    pub(super) async fn exchange(
        &mut self,
        phase: SmtpPhase,
        command: &str,
        limit: Duration,
    ) -> Result<ReplyLines, SmtpResult> {
        let reply = match self.stream.write(command.as_bytes(), limit).await {
            Ok(()) => self.read(limit).await,
            Err(error) => Err(error),
        };
        reply.map_err(|error| self.fail(phase, &error))
    }

    async fn read(&mut self, limit: Duration) -> Result<ReplyLines, StreamError> {
        let reply = self.stream.read(limit).await?;
        if self.progress == Progress::NoReply {
            self.progress = Progress::Replied;
        }
        Ok(reply)
    }

    /// Marks the connection as unusable after an error.
    fn fail(&mut self, phase: SmtpPhase, error: &StreamError) -> SmtpResult {
        self.usable = false;
        self.closed_by_peer =
            self.is_reused && self.progress == Progress::NoReply && error.is_disconnect();
        error.to_result(phase)
    }

    fn require_success(&mut self, phase: SmtpPhase, reply: ReplyLines) -> Result<(), SmtpResult> {
        if phase.is_success(reply.code) {
            return Ok(());
        }
        let is_temporary = (400..500).contains(&reply.code);
        self.refused_when_used |=
            self.has_delivered && phase == SmtpPhase::MailFrom && is_temporary;
        Err(self.classify(phase, reply))
    }

    fn classify(&mut self, phase: SmtpPhase, reply: ReplyLines) -> SmtpResult {
        // 421 announces that the server closes the connection (RFC 5321 §3.8).
        if reply.code == 421 {
            self.usable = false;
        }
        let result = Reply::from(reply).to_result(phase);
        // After an unexpected reply, further replies cannot be matched to commands.
        if result.outcome == Outcome::Deferred(DeferReason::Connection) {
            self.usable = false;
        }
        result
    }
}

/// Encodes a message for DATA (RFC 5321 §4.5.2).
///
/// Lines that begin with a dot get a second one, and a line with a single dot ends the
/// message.
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
