//! Where mail goes: to a server, or to a folder while none is set. One way to send for
//! both.

use crate::domain::delivery::DeliveryId;
use crate::domain::delivery::outcome::{HaltReason, Outcome, SmtpResult};
use crate::domain::email_address::EmailAddress;
use crate::mail::outbox::{MailName, Outbox};
use crate::mail::reply::one_line;
use crate::mail::smtp::{Connection, HelloName, SmtpServer, Timeouts};

/// The way out that the settings chose.
#[derive(Clone, Debug)]
pub enum Transport {
    Outbox(Outbox),
    Smtp(Box<Smtp>),
}

/// A mail server, and how to talk to it.
#[derive(Clone, Debug)]
pub struct Smtp {
    pub server: SmtpServer,
    /// This machine's full name, or the domain of From; `smtp.url` may have another.
    pub hello: HelloName,
    pub timeouts: Timeouts,
}

impl Transport {
    pub fn smtp(server: SmtpServer, hello: HelloName) -> Self {
        Self::Smtp(Box::new(Smtp {
            server,
            hello,
            timeouts: Timeouts::default(),
        }))
    }

    /// Opens a channel to send one mail after another through.
    ///
    /// # Errors
    /// Why there is none. Nobody's mail has begun.
    pub async fn open(&self) -> Result<Channel, SmtpResult> {
        match self {
            Self::Outbox(outbox) => Ok(Channel::Outbox(outbox.clone())),
            Self::Smtp(smtp) => {
                let opened = Connection::open(&smtp.server, &smtp.hello, smtp.timeouts).await?;
                Ok(Channel::Smtp(Box::new(opened)))
            }
        }
    }

    /// The server's place or the folder, for people.
    pub fn place(&self) -> String {
        match self {
            Self::Outbox(outbox) => outbox.dir().display().to_string(),
            Self::Smtp(smtp) => smtp.server.place(),
        }
    }
}

/// A message on its way to one recipient.
pub struct Outgoing<'a> {
    pub delivery: &'a DeliveryId,
    pub envelope_from: &'a EmailAddress,
    pub to: &'a EmailAddress,
    pub message: Vec<u8>,
}

/// An open way out.
pub enum Channel {
    Outbox(Outbox),
    Smtp(Box<Connection>),
}

impl Channel {
    /// Sends one message and says what became of it.
    pub async fn send(&mut self, mail: Outgoing<'_>) -> SmtpResult {
        match self {
            Self::Smtp(connection) => {
                connection
                    .send(mail.envelope_from, mail.to, mail.message)
                    .await
            }
            Self::Outbox(outbox) => {
                let name = MailName::for_delivery(mail.delivery);
                let (outbox, message) = (outbox.clone(), mail.message);
                // Waiting for the disk must not hold up the rest of the process.
                let kept = tokio::task::spawn_blocking(move || {
                    outbox.store(&name, &message).map(|()| name)
                });
                match kept
                    .await
                    .unwrap_or_else(|error| Err(std::io::Error::other(error)))
                {
                    Ok(name) => SmtpResult {
                        outcome: Outcome::Delivered,
                        reply: format!("kept in the outbox as {}", name.as_str()),
                    },
                    Err(error) => SmtpResult {
                        outcome: Outcome::Halted(HaltReason::Settings),
                        reply: one_line(&format!("the outbox cannot be written: {error}")),
                    },
                }
            }
        }
    }

    /// Whether another mail can go this way; if not, open a new channel.
    pub fn is_usable(&self) -> bool {
        match self {
            Self::Outbox(_) => true,
            Self::Smtp(connection) => connection.is_usable(),
        }
    }

    /// Whether the way had ended before the last mail, and the server heard nothing of it:
    /// it may go another way at once.
    pub fn had_ended(&self) -> bool {
        match self {
            Self::Outbox(_) => false,
            Self::Smtp(connection) => connection.was_closed_by_peer(),
        }
    }

    /// Whether a mail whose sending nobody waited for to the end may have been taken over.
    pub fn is_in_doubt(&self) -> bool {
        match self {
            Self::Outbox(_) => true,
            Self::Smtp(connection) => connection.is_in_doubt(),
        }
    }

    pub async fn close(self) {
        match self {
            Self::Outbox(_) => {}
            Self::Smtp(connection) => connection.quit().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::smtp::scripted::{Script, Scripted};

    async fn send(transport: &Transport) -> SmtpResult {
        let mut channel = transport.open().await.unwrap();
        let address = EmailAddress::parse("ada@example.org").unwrap();
        let delivery = DeliveryId::from_stored("issue:reader".to_owned());
        let mail = Outgoing {
            delivery: &delivery,
            envelope_from: &address,
            to: &address,
            message: b"Subject: hello\r\n\r\n.\r\n".to_vec(),
        };
        let report = channel.send(mail).await;
        assert!(channel.is_usable());
        channel.close().await;
        report
    }

    #[tokio::test]
    async fn both_ways_take_a_mail() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::new(dir.path());
        for _ in 0..2 {
            assert_eq!(
                send(&Transport::Outbox(outbox.clone())).await.outcome,
                Outcome::Delivered
            );
        }
        let page = outbox.list(0, 10).unwrap();
        assert_eq!((page.total, page.entries[0].subject.as_str()), (1, "hello"));

        let scripted = Scripted::start(Script::default()).await;
        let server =
            SmtpServer::parse(&format!("smtp://127.0.0.1:{}", scripted.port), None).unwrap();
        let transport = Transport::smtp(server, HelloName::parse("client.example.com").unwrap());
        assert_eq!(send(&transport).await.outcome, Outcome::Delivered);
        assert_eq!(transport.place(), format!("127.0.0.1:{}", scripted.port));
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_charges_nobody() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let report = send(&Transport::Outbox(Outbox::new(file.path()))).await;
        assert_eq!(report.outcome, Outcome::Halted(HaltReason::Settings));
    }
}
