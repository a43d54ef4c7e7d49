//! From a queued row to a recorded outcome: lease, compose, send, record.
//!
//! ```text
//! queues ── a copy for every reader ──► store
//! feeder ── claims batches ahead ──► connections (up to smtp.connections)
//!                                        │  ▲
//!             what was sent, what is next ▼  │ may be sent now
//!                                     recorder ── one group commit ──► store
//! ```
//!
//! A connection begins its next mail only when the commit is through that records its
//! last outcome and marks the next as being sent. So a crash leaves at most one mail
//! per connection in doubt, and no transaction is open during SMTP.

mod attempt;
mod batch_size;
mod circuit_breaker;
mod compose;
mod concurrency;
mod connection;
mod disposition;
mod engine;
mod heartbeat;
mod last_reply;
mod policy_rejections;
mod producer;
mod queues;
mod rate_limiter;
mod reach;
mod recorder;

use std::sync::Arc;

pub use compose::ComposeError;
pub use engine::Engine;
pub use heartbeat::Membership;

use crate::domain::clock::{Clock, Timestamp};
use crate::domain::delivery::in_doubt::InDoubtPolicy;
use crate::domain::delivery::verp::ReturnPath;
use crate::domain::email_address::EmailAddress;
use crate::domain::random::Random;
use crate::domain::signed_token::SecretKeys;
use crate::mail::dkim::Signer;
use crate::mail::identity::Identity;
use crate::mail::templates::Templates;
use crate::mail::transport::Transport;
use crate::store::{ClaimedDelivery, Store};

/// How mail is handed over.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// The most connections of this process.
    pub connections: usize,
    /// Mails a second of the whole newsletter, shared among its living processes.
    pub rate_per_second: Option<u32>,
    pub in_doubt: InDoubtPolicy,
}

/// All that delivering needs.
#[derive(Clone, Debug)]
pub struct DeliveryService {
    pub store: Store,
    pub templates: Arc<Templates>,
    pub identity: Arc<Identity>,
    pub transport: Arc<Transport>,
    /// `None`: mail goes unsigned.
    pub signer: Option<Arc<Signer>>,
    /// Where servers send their reports; `None`: to whoever the mail is from.
    pub return_path: Option<ReturnPath>,
    pub keys: Arc<SecretKeys>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<Random>,
    pub policy: Policy,
}

impl DeliveryService {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The reverse-path (RFC 5321 §2.3.1): it tells whose copy a report is about.
    fn envelope_from(&self, job: &ClaimedDelivery) -> EmailAddress {
        match (&self.return_path, &job.subscriber) {
            (Some(path), Some(reader)) => path.encode(&self.keys, reader, job.issue_number),
            (Some(path), None) => path.address().clone(),
            (None, _) => self.identity.from.address().clone(),
        }
    }
}
