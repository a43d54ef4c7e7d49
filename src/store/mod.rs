//! What is kept: the only place that knows sqlx and SQL.
//!
//! One SQL text serves SQLite and PostgreSQL through `sqlx::Any`: `TEXT` and `BIGINT`
//! columns, `$n` parameters, times bound from the clock. Each statement is a `const`
//! beside its function; a test prepares every one on both databases. PostgreSQL is the
//! strict referee.

mod accounts;
mod admins;
mod alerts;
mod api_tokens;
mod audit;
mod batch;
mod clicks;
mod commit_rows;
mod connect;
mod copies;
mod deliveries;
mod delivery_list;
mod desk;
mod draft_edits;
mod facts;
mod feeds;
mod freeze;
#[cfg(test)]
mod hand_over_tests;
mod intake;
mod issue_states;
mod issues;
#[cfg(test)]
mod lease_tests;
mod leases;
#[cfg(test)]
mod move_tests;
mod outcomes;
mod ownerless;
#[cfg(test)]
mod pair;
mod pen;
#[cfg(test)]
mod plan_tests;
mod policy_streaks;
mod posts;
mod queue;
#[cfg(test)]
mod queue_tests;
#[cfg(test)]
mod race_tests;
mod reader_mails;
mod refusals;
mod settings;
mod sign_up;
mod sign_up_rows;
mod skipped;
#[cfg(test)]
mod streak_tests;
mod subscriber_filter;
mod subscriber_import;
mod subscriber_leaving;
mod subscriber_list;
mod subscriber_moves;
mod subscriber_record;
mod subscribers;
mod suppressing;
mod tally;
#[cfg(test)]
mod tally_tests;
#[cfg(test)]
mod tests;
mod transaction;
#[cfg(test)]
mod turn_tests;
mod workers;

pub use accounts::{Account, OpenSession};
/// Under which target the driver logs. Its words may bear addresses.
pub const DRIVER_LOG: &str = "sqlx";

pub use admins::{Admin, Role, Session};
pub use api_tokens::ApiToken;
pub use audit::AuditRow;
pub use clicks::{AuthorClicks, Clicked};
pub use connect::{DatabaseUrl, Store};
pub use copies::ReplyCount;
pub use deliveries::NewDelivery;
pub use delivery_list::{DeliveryFilter, DeliveryRow};
pub use draft_edits::SaveOutcome;
pub use feeds::{FeedOrigin, FeedReading, FeedRow};
pub use freeze::{FreezeOutcome, NewIssue};
pub use issues::IssueRow;
pub use leases::ClaimedDelivery;
pub use outcomes::{CommitResult, DeliveryUpdate, GroupCommit, SendIntent};
pub use policy_streaks::PolicyRefusal;
pub use posts::{Candidate, ManualPostOutcome, NewPost};
pub use queue::FanOutBatch;
pub use reader_mails::{AddressChange, RateLimitKey};
pub use settings::SavedSettings;
pub use sign_up::{ConfirmationIds, ConsentRecord, RecentMails, SignUp};
pub use subscriber_filter::{Order, PageDirection, Search, SubscriberFilter};
pub use subscriber_import::{ImportRow, ImportTally};
pub use subscriber_leaving::{Erase, Unsubscribe};
pub use subscriber_list::SubscriberRow;
pub use subscriber_record::{LastDelivery, SubscriberRecord};
pub use subscribers::Subscriber;
pub use tally::IssueProgress;

/// The database did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    #[error("database.url: cannot open {place}: {source}")]
    Open { place: String, source: sqlx::Error },
    #[error("database.url: cannot make the folder {folder}: {source}")]
    Folder {
        folder: String,
        source: std::io::Error,
    },
    #[error(
        "the database was made by a newer Broadsheet (its migration {0} is unknown here); run that version"
    )]
    Newer(i64),
    #[error("the database's migration {0} is not the one this Broadsheet knows; was it edited?")]
    Edited(i64),
    #[error("bringing the database up to date failed: {0}")]
    Migration(sqlx::migrate::MigrateError),
    /// A value no newer version wrote and no older one could have: damage.
    #[error("the database holds a {what} that cannot be: {value}")]
    Corrupt { what: &'static str, value: String },
}

impl StoreError {
    /// Nobody answers, or all connections stay busy: later may go better.
    pub fn is_unavailable(&self) -> bool {
        use sqlx::Error::{Io, PoolClosed, PoolTimedOut};
        matches!(self, Self::Database(Io(_) | PoolClosed | PoolTimedOut))
    }

    /// What is stored is no good, and will be no better later.
    pub fn is_corrupt(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }

    /// As when the database is lost between doing what was asked and saying so.
    fn ack_lost() -> Self {
        Self::Database(sqlx::Error::PoolTimedOut)
    }

    /// Another transaction stood in the way; the same work may go through now.
    fn is_contention(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else {
            return false;
        };
        // PostgreSQL: deadlock, serialisation failure, and a row that someone else has just
        // put there, which the next try sees; SQLite: BUSY and its kinds.
        match error.code().as_deref() {
            Some("40P01" | "40001" | "23505") => true,
            Some(code) => code.parse::<u32>().is_ok_and(|code| code & 0xff == 5),
            None => false,
        }
    }
}

/// Reads a stored word, id or address back into its type.
fn decode<T, E>(
    what: &'static str,
    text: String,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, StoreError> {
    parse(&text).map_err(|_| StoreError::Corrupt { what, value: text })
}
