//! Dependencies and settings shared by all parts of the delivery engine.

use std::sync::Arc;

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

/// Limits and policies of one worker.
#[derive(Clone, Copy, Debug)]
pub struct DeliverySettings {
    /// Maximum number of concurrent connections of this process (`smtp.connections`).
    pub connections: usize,
    /// Maximum messages per second of the installation (`smtp.rate_per_second`).
    ///
    /// Shared by all living workers; `None` means unlimited.
    pub rate_per_second: Option<u32>,
    /// Maximum messages per connection (`smtp.messages_per_connection`).
    pub messages_per_connection: u32,
    /// What to do with a delivery whose final reply was lost (`smtp.in_doubt`).
    pub in_doubt: InDoubtPolicy,
}

/// Everything that the delivery engine needs to compose and send messages.
#[derive(Clone, Debug)]
pub struct DeliveryService {
    /// The database that contains the queue.
    pub store: Store,
    /// Templates of confirmation, alert and self-service mail.
    pub templates: Arc<Templates>,
    /// Sender and public URL of the newsletter.
    pub identity: Arc<Identity>,
    /// Where messages are sent: an SMTP server or the outbox.
    pub transport: Arc<Transport>,
    /// Adds DKIM signatures. `None` sends unsigned mail.
    pub signer: Option<Arc<Signer>>,
    /// Address for bounce reports. `None` uses the address in `From`.
    pub return_path: Option<ReturnPath>,
    /// Keys that sign the links and return paths of each message.
    pub keys: Arc<SecretKeys>,
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
    /// Source of ids and retry jitter.
    pub random: Arc<Random>,
    /// Limits and policies.
    pub settings: DeliverySettings,
}

impl DeliveryService {
    /// Returns the current time of the injected clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Returns the reverse-path (RFC 5321 §2.3.1) of `delivery`.
    ///
    /// It encodes subscriber and issue (VERP), so that a bounce report identifies them.
    pub(crate) fn envelope_from(&self, delivery: &ClaimedDelivery) -> EmailAddress {
        match (&self.return_path, &delivery.subscriber) {
            (Some(path), Some(subscriber)) => {
                path.encode(&self.keys, subscriber, delivery.issue_number)
            }
            (Some(path), None) => path.address().clone(),
            (None, _) => self.identity.from.address().clone(),
        }
    }
}
