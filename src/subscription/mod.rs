//! Use cases of a subscription: sign up, confirm, change preferences, unsubscribe, import
//! and export.

mod bulk;
mod confirm;
mod data_export;
mod domain_hints;
mod domain_typos;
mod email_links;
mod export;
mod import;
mod preferences;
mod rate_limits;
mod signup_batcher;
mod subscribe;
mod unsubscribe;

use std::sync::Arc;

pub use bulk::BulkAction;
pub use confirm::Confirmation;
pub use data_export::DataExport;
pub use domain_hints::{AddressHint, address_hint};
pub use email_links::NewAddress;
pub use export::CsvExport;
pub use import::{
    ImportError, ImportOptions, ImportProgress, ImportReport, RejectedRow, RowError, pasted_to_csv,
};
pub use preferences::PAUSE_DURATION;
pub use rate_limits::{RateLimited, SignupLimitConfig, SignupLimits, SignupPace};
pub use signup_batcher::SignupBatcher;
pub use subscribe::{Consent, MAX_EMAILS_PER_DAY, SHORT_WINDOW, SignUpError, SignUpForm};

use crate::domain::clock::{Clock, Timestamp};
use crate::domain::email_address::EmailAddress;
use crate::domain::random::Random;
use crate::domain::signed_token::{Purpose, SecretKeys, TokenError};
use crate::mail::outbox::Outbox;
use crate::store::{Store, StoreError};

/// Use cases of a subscription. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SubscriptionService {
    /// The database.
    pub store: Store,
    /// Commits concurrent sign-ups together. One per process.
    pub signup_batcher: SignupBatcher,
    /// Keys that sign the links in emails.
    pub keys: Arc<SecretKeys>,
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
    /// Source of ids and nonces.
    pub random: Arc<Random>,
    /// Mail kept as files, which an erasure deletes.
    pub outbox: Outbox,
}

impl SubscriptionService {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn nonce(&self) -> String {
        hex::encode(self.random.bytes::<16>())
    }

    /// Returns the HMAC of a mailbox, the key under which the emails sent to it are counted.
    fn mailbox_mac(&self, address: &EmailAddress) -> String {
        let key = address.rate_key();
        hex::encode(self.keys.mac(Purpose::Mailbox, &[key.as_bytes()]))
    }

    /// Returns the HMACs of an address under each secret key, the current key first. Used to
    /// recognize the address of an erased subscriber.
    fn address_macs(&self, address: &EmailAddress) -> Vec<String> {
        let macs = self
            .keys
            .macs(Purpose::Suppression, &[address.key().as_bytes()]);
        macs.into_iter().map(hex::encode).collect()
    }

    /// Returns the HMAC of an address under the current key. Only this is stored of an erased
    /// subscriber.
    fn address_mac(&self, address: &EmailAddress) -> String {
        let key = address.key();
        hex::encode(self.keys.mac(Purpose::Suppression, &[key.as_bytes()]))
    }
}

/// Error for a link in an email that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Forged, damaged, expired or used token, or erased subscriber. All of them return the
    /// same response, so that a caller cannot probe for subscribers.
    #[error("the link is invalid or has expired")]
    Invalid,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<TokenError> for LinkError {
    fn from(_: TokenError) -> Self {
        Self::Invalid
    }
}
