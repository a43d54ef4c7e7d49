//! Transport of messages: an SMTP server, or the outbox if no server is configured.

use crate::domain::delivery::DeliveryId;
use crate::domain::delivery::outcome::{HaltReason, Outcome, SmtpResult};
use crate::domain::email_address::EmailAddress;
use crate::mail::outbox::{MailName, Outbox};
use crate::mail::reply::one_line;
use crate::mail::smtp::{Connection, HelloName, SmtpServer, Timeouts};

/// Where messages are sent.
#[derive(Clone, Debug)]
pub enum Transport {
    /// Messages are written to files.
    Outbox(Outbox),
    /// Messages are sent to an SMTP server.
    Smtp(Box<Smtp>),
}

/// An SMTP server with the client's connection parameters.
#[derive(Clone, Debug)]
pub struct Smtp {
    /// Host, port, TLS mode and credentials.
    pub server: SmtpServer,
    /// Default EHLO name; a name in `smtp.url` takes precedence.
    pub hello: HelloName,
    /// Timeouts per SMTP phase.
    pub timeouts: Timeouts,
}

impl Transport {
    /// Returns a transport to `server` with the default timeouts.
    pub fn smtp(server: SmtpServer, hello: HelloName) -> Self {
        Self::Smtp(Box::new(Smtp {
            server,
            hello,
            timeouts: Timeouts::default(),
        }))
    }

    /// Opens a channel through which several messages can be sent one after another.
    ///
    /// # Errors
    ///
    /// Returns [`Outcome::Deferred`] if the server cannot be reached, and
    /// [`Outcome::Halted`] if the settings are wrong. No message was started.
    pub async fn open(&self) -> Result<Channel, SmtpResult> {
        match self {
            Self::Outbox(outbox) => Ok(Channel::Outbox(outbox.clone())),
            Self::Smtp(smtp) => {
                let opened = Connection::open(&smtp.server, &smtp.hello, smtp.timeouts).await?;
                Ok(Channel::Smtp(Box::new(opened)))
            }
        }
    }

    /// Returns host and port of the server, or the path of the outbox, for display.
    pub fn display_name(&self) -> String {
        match self {
            Self::Outbox(outbox) => outbox.dir().display().to_string(),
            Self::Smtp(smtp) => smtp.server.display_name(),
        }
    }
}

/// A message to one recipient.
pub struct Outgoing<'a> {
    /// Key of the delivery, from which the file name in the outbox is derived.
    pub delivery: &'a DeliveryId,
    /// Reverse-path for MAIL FROM.
    pub envelope_from: &'a EmailAddress,
    /// Recipient for RCPT TO.
    pub to: &'a EmailAddress,
    /// Header and body: ASCII with CRLF line ends.
    pub message: Vec<u8>,
}

/// An open transport.
pub enum Channel {
    /// The folder for messages.
    Outbox(Outbox),
    /// A connection that is authenticated and ready for MAIL FROM.
    Smtp(Box<Connection>),
}

impl Channel {
    /// Sends one message and returns its result.
    pub async fn send(&mut self, outgoing: Outgoing<'_>) -> SmtpResult {
        match self {
            Self::Smtp(connection) => {
                connection
                    .send(outgoing.envelope_from, outgoing.to, outgoing.message)
                    .await
            }
            Self::Outbox(outbox) => {
                write_to_outbox(outbox.clone(), outgoing.delivery, outgoing.message).await
            }
        }
    }

    /// Returns whether another message can be sent through this channel.
    pub fn is_usable(&self) -> bool {
        match self {
            Self::Outbox(_) => true,
            Self::Smtp(connection) => connection.is_usable(),
        }
    }

    /// Returns whether the server closed the connection before the last message.
    ///
    /// The message was then not received and can be sent through a new channel at once.
    pub fn was_closed_by_peer(&self) -> bool {
        match self {
            Self::Outbox(_) => false,
            Self::Smtp(connection) => connection.was_closed_by_peer(),
        }
    }

    /// Returns whether the server refused the last message because of the connection's age.
    ///
    /// It can be sent through a new channel at once.
    pub fn was_refused_when_used(&self) -> bool {
        match self {
            Self::Outbox(_) => false,
            Self::Smtp(connection) => connection.was_refused_when_used(),
        }
    }

    /// Returns whether a cancelled message may have been accepted.
    ///
    /// A message is cancelled by dropping the future of [`send`](Self::send).
    pub fn is_in_doubt(&self) -> bool {
        match self {
            Self::Outbox(_) => true,
            Self::Smtp(connection) => connection.is_in_doubt(),
        }
    }

    /// Closes the channel, with QUIT for an SMTP connection.
    pub async fn close(self) {
        match self {
            Self::Outbox(_) => {}
            Self::Smtp(connection) => connection.quit().await,
        }
    }
}

async fn write_to_outbox(outbox: Outbox, delivery: &DeliveryId, message: Vec<u8>) -> SmtpResult {
    let name = MailName::for_delivery(delivery);
    // On a blocking thread, so that disk I/O does not block other tasks.
    let written = tokio::task::spawn_blocking(move || outbox.store(&name, &message).map(|()| name))
        .await
        .unwrap_or_else(|error| Err(std::io::Error::other(error)));
    match written {
        Ok(name) => SmtpResult {
            outcome: Outcome::Delivered,
            // The store searches for this prefix to tell outbox files from SMTP replies.
            reply: format!("kept in the outbox as {}", name.as_str()),
        },
        Err(error) => SmtpResult {
            outcome: Outcome::Halted(HaltReason::Settings),
            reply: one_line(&format!("cannot write to the outbox: {error}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::smtp_url::SmtpUrl;
    use crate::mail::smtp::scripted::{Script, ScriptedSmtpServer};

    async fn send(transport: &Transport) -> SmtpResult {
        let mut channel = transport.open().await.unwrap();
        let address = EmailAddress::parse("ada@example.org").unwrap();
        let delivery = DeliveryId::from_stored("issue:reader".to_owned());
        let outgoing = Outgoing {
            delivery: &delivery,
            envelope_from: &address,
            to: &address,
            message: b"Subject: hello\r\n\r\n.\r\n".to_vec(),
        };

        let result = channel.send(outgoing).await;

        assert!(channel.is_usable());
        channel.close().await;
        result
    }

    #[tokio::test]
    async fn outbox_stores_repeated_delivery_once() {
        let dir = tempfile::tempdir().unwrap();
        let outbox = Outbox::new(dir.path());

        for _ in 0..2 {
            let result = send(&Transport::Outbox(outbox.clone())).await;
            assert_eq!(result.outcome, Outcome::Delivered);
        }

        let page = outbox.list(0, 10).unwrap();
        assert_eq!((page.total, page.entries[0].subject.as_str()), (1, "hello"));
    }

    #[tokio::test]
    async fn smtp_transport_delivers_message() {
        let scripted = ScriptedSmtpServer::start(Script::default()).await;
        let url = format!("smtp://127.0.0.1:{}", scripted.port);
        let server = SmtpServer::new(&SmtpUrl::parse(&url).unwrap()).unwrap();
        let transport = Transport::smtp(server, HelloName::parse("client.example.com").unwrap());

        assert_eq!(send(&transport).await.outcome, Outcome::Delivered);
        assert_eq!(
            transport.display_name(),
            format!("127.0.0.1:{}", scripted.port)
        );
    }

    #[tokio::test]
    async fn unwritable_outbox_halts_sending() {
        let file = tempfile::NamedTempFile::new().unwrap();

        let result = send(&Transport::Outbox(Outbox::new(file.path()))).await;

        assert_eq!(result.outcome, Outcome::Halted(HaltReason::Settings));
    }
}
