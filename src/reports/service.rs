//! The service that reads reports and applies them.

use std::sync::Arc;

use crate::domain::clock::Clock;
use crate::domain::delivery::verp::ReturnPath;
use crate::domain::mailbox::Mailbox;
use crate::domain::random::Random;
use crate::domain::signed_token::SecretKeys;
use crate::store::Store;

/// Maximum size of a report in bytes.
///
/// Reports that contain the whole message stay far below: a message has at most some 100 KB.
pub const MAX_REPORT_BYTES: usize = 10 * 1024 * 1024;

/// Reads reports and applies them.
#[derive(Clone, Debug)]
pub struct ReportService {
    /// The database with deliveries and subscribers.
    pub store: Store,
    /// The keys that made return paths, Message-IDs and tokens.
    pub keys: Arc<SecretKeys>,
    /// `smtp.return_path`.
    pub return_path: Option<ReturnPath>,
    /// `newsletter.from`, whose domain is that of the Message-IDs.
    pub from: Mailbox,
    /// The source of nonces.
    pub random: Arc<Random>,
    /// The current time.
    pub clock: Arc<dyn Clock>,
}
