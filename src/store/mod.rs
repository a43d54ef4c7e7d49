//! What is kept: the only place that knows sqlx and SQL.
//!
//! One SQL text serves SQLite and PostgreSQL through `sqlx::Any`: `TEXT` and `BIGINT`
//! columns, `$n` parameters, times bound from the clock. Each statement is a `const`
//! beside its function; a test prepares every one on both databases. PostgreSQL is the
//! strict referee.

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

/// Under which target the driver logs. Its words may bear addresses.
pub const DRIVER_LOG: &str = "sqlx";

pub use admin::accounts::Account;
pub use admin::api_tokens::ApiToken;
pub use admin::audit::AuditRow;
pub use admin::sessions::{OpenSession, Session};
pub use admin::settings::SavedSettings;
pub use admin::types::{Admin, Role};
pub use content::clicks::{AuthorClicks, PostClicks};
pub use content::feeds::{FeedOrigin, FeedReading, FeedRow};
pub use content::posts::{Candidate, ManualPostOutcome, NewPost};
pub use db::connect::{DatabaseUrl, Store};
pub use deliveries::NewDelivery;
pub use deliveries::filter::{DeliveryFilter, DeliveryRow};
pub use deliveries::list::ReplyCount;
pub use error::StoreError;
pub(crate) use error::decode;
pub use issues::IssueRow;
pub use issues::counts::IssueProgress;
pub use issues::drafts::SaveOutcome;
pub use issues::fanout::FanOutBatch;
pub use issues::freeze::{FreezeOutcome, NewIssue};
pub use issues::policy_rejections::PolicyRejection;
pub use queue::commit::{CommitResult, DeliveryUpdate, GroupCommit, SendIntent};
pub use queue::lease::ClaimedDelivery;
pub use subscribers::Subscriber;
pub use subscribers::address_change::AddressChange;
pub use subscribers::filter::{Order, PageDirection, Search, SubscriberFilter};
pub use subscribers::import::{ImportRow, ImportTally};
pub use subscribers::list::SubscriberRow;
pub use subscribers::record::{LastDelivery, SubscriberRecord};
pub use subscribers::removal::{Erase, Unsubscribe};
pub use subscribers::signup::{ConfirmationIds, ConsentRecord, SelectEmail, SignUp};
pub use subscribers::signup_limits::{RateLimitKey, RateWindows, RecentMails};
