//! An SMTP server (RFC 5321) that records what it takes and misbehaves on demand.
//!
//! It runs on a thread of its own, so that a test may block or be killed without it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use super::smtp_session;

/// Where in the conversation a script is asked what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Before the greeting.
    Connect,
    Ehlo,
    /// The log-in; any is welcome.
    Auth,
    Mail,
    Rcpt,
    Data,
    /// After the first line of the message, before its final dot.
    Body,
    /// After the final dot, before the reply to it.
    Dot,
}

/// One moment of one conversation.
#[derive(Debug)]
pub struct Moment<'a> {
    pub stage: Stage,
    /// Counted from 1, over the life of the server.
    pub connection: usize,
    /// The mail transaction, counted from 1 over the life of the server; 0 before any.
    pub mail: usize,
    /// The last recipient named; empty before `RCPT`.
    pub recipient: &'a str,
}

/// What the script wants instead of the usual answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Says this line. A 421 closes the connection after it; any refusal at
    /// [`Stage::Dot`] means that the mail was not taken.
    Reply(&'static str),
    /// Closes the connection without a word. At [`Stage::Dot`] the mail was taken: this is
    /// the reply that got lost.
    Drop,
    /// The usual answer, later.
    Delay(Duration),
    /// Keeps the connection open and never answers. At [`Stage::Dot`] the mail was taken.
    Silence,
}

pub type Script = dyn Fn(&Moment<'_>) -> Option<Fault> + Send + Sync;

/// A mail the server has taken responsibility for.
#[derive(Clone, Debug)]
pub struct Received {
    pub envelope_from: String,
    pub recipients: Vec<String>,
    /// The message as it was before dot-stuffing, lines ending in CR LF.
    pub message: Vec<u8>,
    pub at: Instant,
    /// Which connection brought it, counted from 1.
    pub connection: usize,
}

#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) received: Vec<Received>,
    pub(super) connections: usize,
    pub(super) mails: usize,
    pub(super) violations: Vec<String>,
}

/// What all conversations of one server share.
pub(super) struct Shared {
    pub(super) pipelining: bool,
    pub(super) script: Box<Script>,
    record: Mutex<Record>,
    taken: watch::Sender<usize>,
}

impl Shared {
    pub(super) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn take(&self, mail: Received) {
        let mut record = self.record();
        record.received.push(mail);
        self.taken.send_replace(record.received.len());
    }
}

/// The server; it stops, and drops its connections, when this is dropped.
pub struct SmtpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    _stop: oneshot::Sender<()>,
}

impl SmtpServer {
    /// A server that takes every mail and offers PIPELINING (RFC 2920).
    pub fn start() -> Self {
        Self::scripted(|_| None)
    }

    /// A server that takes its time for each mail, so that something can happen in the middle.
    pub fn unhurried(a_mail: Duration) -> Self {
        Self::scripted(move |moment| (moment.stage == Stage::Dot).then_some(Fault::Delay(a_mail)))
    }

    /// A server that asks `script` at each [`Stage`] whether to misbehave.
    pub fn scripted(script: impl Fn(&Moment<'_>) -> Option<Fault> + Send + Sync + 'static) -> Self {
        Self::launch(true, Box::new(script))
    }

    /// A server that does not offer PIPELINING and notes a client which pipelines anyway.
    pub fn without_pipelining() -> Self {
        Self::launch(false, Box::new(|_| None))
    }

    /// A server that comes up where none was.
    pub fn start_at(address: SocketAddr) -> Self {
        let listener = std::net::TcpListener::bind(address).expect("the port kept for it");
        Self::launch_on(listener, true, Box::new(|_| None))
    }

    fn launch(pipelining: bool, script: Box<Script>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        Self::launch_on(listener, pipelining, script)
    }

    fn launch_on(listener: std::net::TcpListener, pipelining: bool, script: Box<Script>) -> Self {
        let shared = Arc::new(Shared {
            pipelining,
            script,
            record: Mutex::default(),
            taken: watch::Sender::new(0),
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
                    () = accept(listener, served) => {}
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

    /// What goes into `smtp.url`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// Every mail taken so far, in the order of their final dots.
    pub fn received(&self) -> Vec<Received> {
        self.shared.record().received.clone()
    }

    /// How many copies each recipient got.
    pub fn copies(&self) -> BTreeMap<String, usize> {
        let mut copies = BTreeMap::new();
        for mail in &self.shared.record().received {
            for recipient in &mail.recipients {
                *copies.entry(recipient.clone()).or_default() += 1;
            }
        }
        copies
    }

    /// How many connections were accepted so far.
    pub fn connections(&self) -> usize {
        self.shared.record().connections
    }

    /// What clients did against the RFCs: bare line feeds, pipelining that was not offered,
    /// commands out of order.
    pub fn violations(&self) -> Vec<String> {
        self.shared.record().violations.clone()
    }

    /// Waits until `count` mails were taken, or fails the test after a minute.
    pub async fn wait_for(&self, count: usize) -> Vec<Received> {
        let mut taken = self.shared.taken.subscribe();
        let enough = taken.wait_for(|&so_far| so_far >= count);
        if timeout(Duration::from_secs(60), enough).await.is_err() {
            panic!(
                "waited a minute for {count} mails, got {}",
                self.received().len()
            );
        }
        self.received()
    }
}

async fn accept(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let listener = TcpListener::from_std(listener).expect("a listener on this runtime");
    while let Ok((stream, _)) = listener.accept().await {
        let connection = {
            let mut record = shared.record();
            record.connections += 1;
            record.connections
        };
        tokio::spawn(smtp_session::converse(
            stream,
            connection,
            Arc::clone(&shared),
        ));
    }
}
