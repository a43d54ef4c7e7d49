//! How readers come and go: sign up, confirm, pause, leave, be taken in from elsewhere.

mod arrivals;
mod bulk;
mod confirm;
mod csv_columns;
mod csv_file;
mod data_export;
mod domain_typos;
mod email_links;
mod export;
mod pasted;
mod preferences;
mod rate_limits;
mod signup_batcher;
mod subscribe;
mod unsubscribe;

use std::sync::Arc;

pub use arrivals::{ArrivalError, CsvError, CsvReport, ImportOptions, Progress, RefusedRow};
pub use bulk::BulkAction;
pub use confirm::Confirmation;
pub use data_export::OwnData;
pub use domain_typos::suggestion;
pub use email_links::NewAddress;
pub use export::CsvExport;
pub use pasted::as_csv;
pub use preferences::PAUSE;
pub use rate_limits::{CapLimits, RateLimited, SignupLimits};
pub use signup_batcher::SignupBatcher;
pub use subscribe::{Consent, SignUpError, SignUpForm};

use crate::domain::clock::{Clock, Timestamp};
use crate::domain::email_address::EmailAddress;
use crate::domain::random::Random;
use crate::domain::signed_token::{Purpose, SecretKeys};
use crate::store::{Store, StoreError};

/// The use cases of a reader's life.
#[derive(Clone, Debug)]
pub struct SubscriptionService {
    /// The database.
    pub store: Store,
    /// Commits concurrent sign-ups together. One per process.
    pub signup_batcher: SignupBatcher,
    pub keys: Arc<SecretKeys>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<Random>,
}

impl SubscriptionService {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn nonce(&self) -> String {
        hex::encode(self.random.bytes::<16>())
    }

    /// Under what the mails to a mailbox are counted.
    fn mailbox_mac(&self, address: &EmailAddress) -> String {
        let key = address.rate_key();
        hex::encode(self.keys.mac(Purpose::Mailbox, &[key.as_bytes()]))
    }

    /// An address under each secret key, the current one first: how an erased reader is
    /// known again.
    fn address_macs(&self, address: &EmailAddress) -> Vec<String> {
        let macs = self
            .keys
            .macs(Purpose::Suppression, &[address.key().as_bytes()]);
        macs.into_iter().map(hex::encode).collect()
    }

    /// The same under the current key: what is kept of an erased reader.
    fn address_mac(&self, address: &EmailAddress) -> String {
        let key = address.key();
        hex::encode(self.keys.mac(Purpose::Suppression, &[key.as_bytes()]))
    }
}

/// Why a reader's link led nowhere.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// Forged, mangled, too old, or its reader is gone: one answer for all.
    #[error("this link does not work (any more)")]
    Gone,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<crate::domain::signed_token::TokenError> for LinkError {
    fn from(_: crate::domain::signed_token::TokenError) -> Self {
        Self::Gone
    }
}
