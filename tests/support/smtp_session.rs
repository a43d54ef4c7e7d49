//! One session of the SMTP server.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::smtp_server::{Fault, ReceivedMessage, Shared, SmtpEvent, Stage};

struct Session {
    stream: BufReader<TcpStream>,
    shared: Arc<Shared>,
    connection: usize,
    transaction: usize,
    envelope_from: Option<String>,
    last_recipient: String,
    recipients: Vec<String>,
}

/// How the server has replied to a command.
enum Reply {
    Positive,
    Negative,
    /// The session ends.
    Closed,
}

/// Serves one client until either side closes the connection.
pub(super) async fn serve(stream: TcpStream, connection: usize, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let mut session = Session {
        stream: BufReader::new(stream),
        shared,
        connection,
        transaction: 0,
        envelope_from: None,
        last_recipient: String::new(),
        recipients: Vec::new(),
    };
    // Many tests kill the client: an aborted connection is not an error.
    let _ = session.run().await;
}

impl Session {
    async fn run(&mut self) -> io::Result<()> {
        let greeting = self
            .reply_at(Stage::Connect, "220 recorder.test ESMTP")
            .await?;
        if matches!(greeting, Reply::Closed) {
            return Ok(());
        }
        while let Some(line) = self.read_line().await? {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if matches!(self.execute(&line).await?, Reply::Closed) {
                break;
            }
        }
        Ok(())
    }

    async fn execute(&mut self, line: &str) -> io::Result<Reply> {
        let verb = line.split([' ', ':']).next().unwrap_or_default();
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => {
                let reply = "250-recorder.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8";
                self.reply_at(Stage::Ehlo, reply).await
            }
            "HELO" => self.reply_at(Stage::Ehlo, "250 recorder.test").await,
            "AUTH" => self.reply_at(Stage::Auth, "235 2.7.0 Welcome").await,
            "MAIL" => self.begin_transaction(path_of(line)).await,
            "RCPT" => self.add_recipient(path_of(line)).await,
            "DATA" => self.receive_message().await,
            "RSET" => {
                self.reset_transaction();
                self.send("250 2.0.0 Reset").await
            }
            "NOOP" => self.send("250 2.0.0 Ok").await,
            "QUIT" => {
                self.send("221 2.0.0 Bye").await?;
                Ok(Reply::Closed)
            }
            _ => {
                self.reject("500 5.5.2 Command not recognised", line.to_owned())
                    .await
            }
        }
    }

    async fn begin_transaction(&mut self, sender: String) -> io::Result<Reply> {
        if self.envelope_from.is_some() {
            let violation = "MAIL in a transaction".to_owned();
            return self
                .reject("503 5.5.1 Transaction already begun", violation)
                .await;
        }
        self.transaction = {
            let mut record = self.shared.record();
            record.transactions += 1;
            record.transactions
        };
        let reply = self.reply_at(Stage::Mail, "250 2.1.0 Sender ok").await?;
        if matches!(reply, Reply::Positive) {
            self.envelope_from = Some(sender);
        }
        Ok(reply)
    }

    async fn add_recipient(&mut self, recipient: String) -> io::Result<Reply> {
        self.last_recipient = recipient;
        if self.envelope_from.is_none() {
            return self.reject_without_transaction("RCPT").await;
        }
        let reply = self.reply_at(Stage::Rcpt, "250 2.1.5 Recipient ok").await?;
        if matches!(reply, Reply::Positive) {
            self.recipients.push(self.last_recipient.clone());
        }
        Ok(reply)
    }

    async fn receive_message(&mut self) -> io::Result<Reply> {
        let Some(envelope_from) = self.envelope_from.clone() else {
            return self.reject_without_transaction("DATA").await;
        };
        if self.recipients.is_empty() {
            // Not a violation: a pipelining client sends DATA before it reads the replies to
            // RCPT.
            self.reset_transaction();
            return self.send("554 5.5.1 No valid recipients").await;
        }
        match self.reply_at(Stage::Data, "354 Go ahead").await? {
            Reply::Positive => {}
            other => return Ok(other),
        }
        let Some(message) = self.read_message().await? else {
            return Ok(Reply::Closed);
        };
        let received = ReceivedMessage {
            envelope_from,
            recipients: self.recipients.clone(),
            message,
            at: Instant::now(),
        };
        let fault = self.fault_at(Stage::Dot);
        let is_rejected = matches!(&fault, Some(Fault::Reply(reply)) if !reply.starts_with('2'));
        if !is_rejected {
            self.shared.accept_message(received);
        }
        let reply = self.apply(fault, "250 2.0.0 Accepted").await;
        self.reset_transaction();
        reply
    }

    /// Reads the message up to its final dot and removes dot-stuffing (RFC 5321 §4.5.2).
    /// Returns `None` if the connection ends before.
    async fn read_message(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut message = Vec::new();
        while let Some(line) = self.read_line().await? {
            if line == b".\r\n" {
                return Ok(Some(message));
            }
            let is_first = message.is_empty();
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            if is_first {
                match self.fault_at(Stage::Body) {
                    Some(Fault::Drop) => return Ok(None),
                    Some(Fault::Silence) => std::future::pending::<()>().await,
                    Some(Fault::Delay(span)) => tokio::time::sleep(span).await,
                    Some(Fault::Reply(reply)) => {
                        self.send(reply).await?;
                        return Ok(None);
                    }
                    None => {}
                }
            }
        }
        Ok(None)
    }

    async fn read_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).await?;
        if line.ends_with(b"\n") && !line.ends_with(b"\r\n") {
            self.record_violation("a bare line feed".to_owned());
        }
        Ok(line.ends_with(b"\n").then_some(line))
    }

    fn fault_at(&self, stage: Stage) -> Option<Fault> {
        (self.shared.script)(&SmtpEvent {
            stage,
            connection: self.connection,
            transaction: self.transaction,
            recipient: &self.last_recipient,
        })
    }

    async fn reply_at(&mut self, stage: Stage, default: &str) -> io::Result<Reply> {
        let fault = self.fault_at(stage);
        self.apply(fault, default).await
    }

    async fn apply(&mut self, fault: Option<Fault>, default: &str) -> io::Result<Reply> {
        match fault {
            None => self.send(default).await,
            Some(Fault::Reply(reply)) => self.send(reply).await,
            Some(Fault::Drop) => Ok(Reply::Closed),
            Some(Fault::Silence) => std::future::pending().await,
            Some(Fault::Delay(span)) => {
                tokio::time::sleep(span).await;
                self.send(default).await
            }
        }
    }

    async fn send(&mut self, reply: &str) -> io::Result<Reply> {
        let line = format!("{reply}\r\n");
        self.stream.get_mut().write_all(line.as_bytes()).await?;
        Ok(match reply.as_bytes().first() {
            _ if reply.starts_with("421") => Reply::Closed,
            Some(b'2' | b'3') => Reply::Positive,
            _ => Reply::Negative,
        })
    }

    async fn reject_without_transaction(&mut self, command: &str) -> io::Result<Reply> {
        let reply = "503 5.5.1 No transaction begun";
        // Not a violation after a rejected MAIL: a pipelining client sends RCPT and DATA
        // before it reads the reply.
        if self.transaction > 0 {
            return self.send(reply).await;
        }
        self.reject(reply, format!("{command} before MAIL")).await
    }

    async fn reject(&mut self, reply: &str, violation: String) -> io::Result<Reply> {
        self.record_violation(violation);
        self.send(reply).await
    }

    fn record_violation(&self, violation: String) {
        self.shared.record().violations.push(violation);
    }

    fn reset_transaction(&mut self) {
        self.envelope_from = None;
        self.last_recipient.clear();
        self.recipients.clear();
    }
}

/// Returns `a@b.test` of `RCPT TO:<a@b.test> NOTIFY=NEVER`.
fn path_of(line: &str) -> String {
    let inside = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inside.map(|(path, _)| path.to_owned()).unwrap_or_default()
}
