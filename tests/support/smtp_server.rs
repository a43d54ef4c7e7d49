//! SMTP server (RFC 5321) that records messages and injects faults.
//!
//! Runs on its own thread, so that it responds while a test blocks its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::smtp_session;

/// The point of a session at which the script is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before the greeting.
    Connect,
    Ehlo,
    /// `AUTH`; all credentials are accepted.
    Auth,
    Mail,
    Rcpt,
    Data,
    /// After the first line of the message.
    Body,
    /// After the final dot, before the reply to it.
    Dot,
}

/// Argument of a script.
#[derive(Debug)]
pub struct SmtpEvent<'a> {
    pub stage: Stage,
    /// Number of the connection, from 1, over the life of the server.
    pub connection: usize,
    /// Number of the mail transaction, from 1, over the life of the server; 0 before the
    /// first `MAIL` of the connection.
    pub transaction: usize,
    /// The last recipient; empty before `RCPT`.
    pub recipient: &'a str,
}

/// What the server does instead of accepting the command.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Sends this reply. A 421 closes the connection. At [`Stage::Dot`] a negative reply
    /// means that the message is not accepted.
    Reply(&'static str),
    /// Closes the connection without a reply. At [`Stage::Dot`] the message is accepted: the
    /// reply is lost.
    Drop,
    /// Accepts the command after this delay.
    Delay(Duration),
    /// Never replies and keeps the connection open. At [`Stage::Dot`] the message is
    /// accepted.
    Silence,
}

/// Returns a fault, or `None` to accept the command.
pub type Script = dyn Fn(&SmtpEvent<'_>) -> Option<Fault> + Send + Sync;

/// An accepted message.
#[derive(Clone, Debug)]
pub struct ReceivedMessage {
    pub envelope_from: String,
    pub recipients: Vec<String>,
    /// The message without dot-stuffing, lines ending in CR LF.
    pub message: Vec<u8>,
    pub at: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) received: Vec<ReceivedMessage>,
    pub(super) connections: usize,
    pub(super) transactions: usize,
    pub(super) violations: Vec<String>,
}

/// State shared by all sessions.
pub(super) struct Shared {
    pub(super) script: Box<Script>,
    record: Mutex<Record>,
    message_count: watch::Sender<usize>,
}

impl Shared {
    pub(super) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn accept_message(&self, message: ReceivedMessage) {
        let mut record = self.record();
        record.received.push(message);
        self.message_count.send_replace(record.received.len());
    }
}

/// A running server. Stops and closes its connections on drop.
pub struct SmtpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    _stop: oneshot::Sender<()>,
}

impl SmtpServer {
    /// Starts a server that accepts all messages.
    pub fn start() -> Self {
        Self::with_script(|_| None)
    }

    /// Starts a server that accepts each message after this delay.
    pub fn with_delay(delay: Duration) -> Self {
        Self::with_script(move |event| (event.stage == Stage::Dot).then_some(Fault::Delay(delay)))
    }

    /// Starts a server that calls `script` at each [`Stage`].
    pub fn with_script(
        script: impl Fn(&SmtpEvent<'_>) -> Option<Fault> + Send + Sync + 'static,
    ) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self::serve(listener, Box::new(script))
    }

    /// Starts a server that accepts all messages, at this address.
    pub fn start_at(address: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind(address).expect("a free port");
        Self::serve(listener, Box::new(|_| None))
    }

    fn serve(listener: std::net::TcpListener, script: Box<Script>) -> Self {
        let shared = Arc::new(Shared {
            script,
            record: Mutex::default(),
            message_count: watch::Sender::new(0),
        });
        listener.set_nonblocking(true).expect("a non-blocking port");
        let address = listener.local_addr().expect("a bound port");
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                tokio::select! {
                    () = accept_connections(listener, served) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            address,
            shared,
            _stop: stop,
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns a value for `smtp.url`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Returns a value for `smtp.url` with a user name and a password.
    pub fn url_with_login(&self) -> String {
        format!("smtp://baker:y3asty@{}", self.address)
    }

    /// Returns the accepted messages in the order of their final dots.
    pub fn received(&self) -> Vec<ReceivedMessage> {
        self.shared.record().received.clone()
    }

    /// Returns the number of accepted messages of each recipient.
    pub fn messages_per_recipient(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for message in &self.shared.record().received {
            for recipient in &message.recipients {
                *counts.entry(recipient.clone()).or_default() += 1;
            }
        }
        counts
    }

    /// Returns whether each recipient has received exactly one message.
    pub fn has_no_duplicates(&self) -> bool {
        let counts = self.messages_per_recipient();
        counts.values().all(|&count| count == 1)
    }

    /// Returns the number of connections so far.
    pub fn connections(&self) -> usize {
        self.shared.record().connections
    }

    /// Returns the protocol violations of clients: bare line feeds, unknown commands, and
    /// commands out of order.
    pub fn violations(&self) -> Vec<String> {
        self.shared.record().violations.clone()
    }

    /// Waits until `count` messages were accepted. Panics after one minute.
    pub async fn wait_for_messages(&self, count: usize) -> Vec<ReceivedMessage> {
        let mut counter = self.shared.message_count.subscribe();
        let reached = counter.wait_for(|&received| received >= count);
        if timeout(Duration::from_secs(60), reached).await.is_err() {
            panic!(
                "timeout: {} of {count} messages received",
                self.received().len()
            );
        }
        self.received()
    }
}

async fn accept_connections(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let listener = TcpListener::from_std(listener).expect("a listener on this runtime");
    while let Ok((stream, _)) = listener.accept().await {
        let connection = {
            let mut record = shared.record();
            record.connections += 1;
            record.connections
        };
        tokio::spawn(smtp_session::serve(stream, connection, Arc::clone(&shared)));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{Shutdown, TcpStream};

    use super::*;

    /// Other tests assert that there are no violations, so detecting them must work.
    #[test]
    fn protocol_violations_are_recorded() {
        let server = SmtpServer::start();
        let mut client = TcpStream::connect(server.address()).expect("a connection");

        let commands = b"EHLO client.test\r\nRCPT TO:<c@d.test>\r\nXYZZY\r\nNOOP\n";
        client.write_all(commands).expect("an open connection");
        client
            .shutdown(Shutdown::Write)
            .expect("a half-closed connection");
        client.read_to_end(&mut Vec::new()).expect("the replies");

        let expected = ["RCPT before MAIL", "XYZZY", "a bare line feed"];
        assert_eq!(server.violations(), expected);
    }
}
