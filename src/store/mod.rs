//! The database: the only module that imports sqlx and contains SQL.
//!
//! One SQL text serves SQLite and PostgreSQL through `sqlx::Any`: `TEXT` and `BIGINT` columns,
//! `$n` parameters, times bound from the clock. Each statement is a `const` next to its function;
//! a test prepares every statement on both databases. PostgreSQL is the stricter of the two.

mod admin;
mod content;
mod db;
mod deliveries;
mod error;
mod issues;
mod queue;
mod subscribers;
#[cfg(test)]
mod tests;

pub use crate::domain::database_url::DatabaseUrl;
pub use admin::accounts::Account;
pub use admin::api_tokens::ApiToken;
pub use admin::audit::AuditRow;
pub use admin::sessions::{OpenSession, Session};
pub use admin::settings::SavedSettings;
pub use admin::types::{Admin, Role};
pub use content::clicks::{AuthorClicks, PostClicks};
pub use content::feeds::{FeedOrigin, FeedReading, FeedRow};
pub use content::posts::{Candidate, ManualPostOutcome, NewPost};
pub use db::connect::Store;
pub use deliveries::list::{DeliveryFilter, DeliveryRow, ReplyCount};
pub use deliveries::reports::{DeliveryReport, ReportedDelivery};
pub use deliveries::types::{ClaimedDelivery, DeliveryUpdate, NewDelivery, SendIntent};
pub use error::StoreError;
pub use issues::drafts::SaveOutcome;
pub use issues::fanout::FanOutBatch;
pub use issues::freeze::{FreezeOutcome, NewIssue};
pub use issues::list::{IssueProgress, IssueRow};
pub use issues::lost_replies::LostReply;
pub use issues::policy_rejections::PolicyRejection;
pub use queue::commit::{CommitResult, GroupCommit};
pub use subscribers::Subscriber;
pub use subscribers::address_change::AddressChange;
pub use subscribers::filter::{Order, PageDirection, Search, SubscriberFilter};
pub use subscribers::import::{ImportRecord, ImportRow, ImportState, ImportTally};
pub use subscribers::list::SubscriberRow;
pub use subscribers::record::{LastDelivery, SubscriberRecord};
pub use subscribers::removal::{Erase, Erased, Unsubscribe};
pub use subscribers::signup::{ConfirmationIds, ConsentRecord, SelectEmail, SignUp};
pub use subscribers::signup_limits::{RateLimitKey, RateWindows, RecentMails};

/// Log target of the database driver, whose messages may contain addresses.
pub const DRIVER_LOG: &str = "sqlx";
