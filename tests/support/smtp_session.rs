//! One conversation of the recording SMTP server.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::smtp_server::{Fault, Moment, Received, Shared, Stage};

struct Session {
    stream: BufReader<TcpStream>,
    shared: Arc<Shared>,
    connection: usize,
    mail: usize,
    envelope_from: Option<String>,
    last_recipient: String,
    recipients: Vec<String>,
}

/// The answer to one command: the reply sent, or the end of the conversation.
enum Answer {
    Positive,
    Negative,
    Closed,
}

/// Talks to one client until either side hangs up.
pub(super) async fn converse(stream: TcpStream, connection: usize, shared: Arc<Shared>) {
    let _ = stream.set_nodelay(true);
    let mut session = Session {
        stream: BufReader::new(stream),
        shared,
        connection,
        mail: 0,
        envelope_from: None,
        last_recipient: String::new(),
        recipients: Vec::new(),
    };
    // A client that vanishes is what many tests are about, and no failure of the server.
    let _ = session.run().await;
}

impl Session {
    async fn run(&mut self) -> io::Result<()> {
        let greeting = self
            .answer(Stage::Connect, "220 recorder.test ESMTP")
            .await?;
        if matches!(greeting, Answer::Closed) {
            return Ok(());
        }
        while let Some(line) = self.read_line().await? {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if matches!(self.command(&line).await?, Answer::Closed) {
                break;
            }
        }
        Ok(())
    }

    async fn command(&mut self, line: &str) -> io::Result<Answer> {
        let verb = line.split([' ', ':']).next().unwrap_or_default();
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" if self.shared.pipelining => {
                let reply = "250-recorder.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8";
                self.answer(Stage::Ehlo, reply).await
            }
            "EHLO" => {
                let reply = "250-recorder.test\r\n250-8BITMIME\r\n250 SMTPUTF8";
                self.answer(Stage::Ehlo, reply).await
            }
            "HELO" => self.answer(Stage::Ehlo, "250 recorder.test").await,
            "AUTH" => self.answer(Stage::Auth, "235 2.7.0 Welcome").await,
            "MAIL" => self.begin_mail(path_of(line)).await,
            "RCPT" => self.add_recipient(path_of(line)).await,
            "DATA" => self.data().await,
            "RSET" => {
                self.forget_mail();
                self.say("250 2.0.0 Forgotten").await
            }
            "NOOP" => self.say("250 2.0.0 Still here").await,
            "QUIT" => {
                self.say("221 2.0.0 Bye").await?;
                Ok(Answer::Closed)
            }
            _ => self.refuse("500 5.5.2 Command not recognised", line).await,
        }
    }

    async fn begin_mail(&mut self, sender: String) -> io::Result<Answer> {
        if self.envelope_from.is_some() {
            return self.refuse("503 5.5.1 Mail already begun", "MAIL").await;
        }
        self.mail = {
            let mut record = self.shared.record();
            record.mails += 1;
            record.mails
        };
        let answer = self.answer(Stage::Mail, "250 2.1.0 Sender ok").await?;
        if matches!(answer, Answer::Positive) {
            self.envelope_from = Some(sender);
        }
        Ok(answer)
    }

    async fn add_recipient(&mut self, recipient: String) -> io::Result<Answer> {
        self.last_recipient = recipient;
        if self.envelope_from.is_none() {
            return self.out_of_order("RCPT before MAIL").await;
        }
        let answer = self.answer(Stage::Rcpt, "250 2.1.5 Recipient ok").await?;
        if matches!(answer, Answer::Positive) {
            self.recipients.push(self.last_recipient.clone());
        }
        Ok(answer)
    }

    async fn data(&mut self) -> io::Result<Answer> {
        let Some(envelope_from) = self.envelope_from.clone() else {
            return self.out_of_order("DATA before MAIL").await;
        };
        if self.recipients.is_empty() {
            // A pipelining client cannot know yet that its recipient was refused.
            self.forget_mail();
            return self.say("554 5.5.1 No valid recipients").await;
        }
        match self.answer(Stage::Data, "354 Go ahead").await? {
            Answer::Positive => {}
            other => return Ok(other),
        }
        let Some(message) = self.read_message().await? else {
            return Ok(Answer::Closed);
        };
        let mail = Received {
            envelope_from,
            recipients: self.recipients.clone(),
            message,
            at: Instant::now(),
            connection: self.connection,
        };
        let fault = self.fault(Stage::Dot);
        let refused = matches!(&fault, Some(Fault::Reply(reply)) if !reply.starts_with('2'));
        if !refused {
            self.shared.take(mail);
        }
        let answer = self.act(fault, "250 2.0.0 Taken").await;
        self.forget_mail();
        answer
    }

    /// The message up to its final dot, dots unstuffed (RFC 5321 §4.5.2); `None` when it
    /// was cut off.
    async fn read_message(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut message = Vec::new();
        while let Some(line) = self.read_line().await? {
            if line == b".\r\n" {
                return Ok(Some(message));
            }
            let first = message.is_empty();
            message.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            if first {
                match self.fault(Stage::Body) {
                    Some(Fault::Drop) => return Ok(None),
                    Some(Fault::Silence) => std::future::pending::<()>().await,
                    Some(Fault::Delay(span)) => tokio::time::sleep(span).await,
                    Some(Fault::Reply(reply)) => {
                        self.say(reply).await?;
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
            self.note("a bare line feed".to_owned());
        }
        Ok(line.ends_with(b"\n").then_some(line))
    }

    fn fault(&self, stage: Stage) -> Option<Fault> {
        (self.shared.script)(&Moment {
            stage,
            connection: self.connection,
            mail: self.mail,
            recipient: &self.last_recipient,
        })
    }

    async fn answer(&mut self, stage: Stage, usual: &str) -> io::Result<Answer> {
        if !self.shared.pipelining && !self.stream.buffer().is_empty() {
            self.note(format!("pipelined after {stage:?}, which was not offered"));
        }
        let fault = self.fault(stage);
        self.act(fault, usual).await
    }

    async fn act(&mut self, fault: Option<Fault>, usual: &str) -> io::Result<Answer> {
        match fault {
            None => self.say(usual).await,
            Some(Fault::Reply(reply)) => self.say(reply).await,
            Some(Fault::Drop) => Ok(Answer::Closed),
            Some(Fault::Silence) => std::future::pending().await,
            Some(Fault::Delay(span)) => {
                tokio::time::sleep(span).await;
                self.say(usual).await
            }
        }
    }

    async fn say(&mut self, reply: &str) -> io::Result<Answer> {
        let line = format!("{reply}\r\n");
        self.stream.get_mut().write_all(line.as_bytes()).await?;
        Ok(match reply.as_bytes().first() {
            _ if reply.starts_with("421") => Answer::Closed,
            Some(b'2' | b'3') => Answer::Positive,
            _ => Answer::Negative,
        })
    }

    async fn out_of_order(&mut self, what: &str) -> io::Result<Answer> {
        // After a refused MAIL a pipelining client's RCPT and DATA are already on their way.
        if self.shared.pipelining && self.mail > 0 {
            return self.say("503 5.5.1 No mail begun").await;
        }
        self.refuse("503 5.5.1 No mail begun", what).await
    }

    async fn refuse(&mut self, reply: &str, what: &str) -> io::Result<Answer> {
        self.note(what.to_owned());
        self.say(reply).await
    }

    fn note(&self, violation: String) {
        self.shared.record().violations.push(violation);
    }

    fn forget_mail(&mut self) {
        self.envelope_from = None;
        self.last_recipient.clear();
        self.recipients.clear();
    }
}

/// `a@b.test` of `RCPT TO:<a@b.test> NOTIFY=NEVER`.
fn path_of(line: &str) -> String {
    let inside = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'));
    inside.map(|(path, _)| path.to_owned()).unwrap_or_default()
}
