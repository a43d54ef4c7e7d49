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
mod issues;
mod queue;
mod subscribers;
#[cfg(test)]
mod tests;

pub use admin::sessions::{Account, OpenSession};
/// Under which target the driver logs. Its words may bear addresses.
pub const DRIVER_LOG: &str = "sqlx";

pub use admin::accounts::{Admin, Role, Session};
pub use admin::api_tokens::ApiToken;
pub use admin::audit::AuditRow;
pub use admin::settings::SavedSettings;
pub use content::clicks::{AuthorClicks, PostClicks};
pub use content::feeds::{FeedOrigin, FeedReading, FeedRow};
pub use content::posts::{Candidate, ManualPostOutcome, NewPost};
pub use db::connect::{DatabaseUrl, Store};
pub use deliveries::NewDelivery;
pub use deliveries::filter::{DeliveryFilter, DeliveryRow};
pub use deliveries::list::ReplyCount;
pub use issues::IssueRow;
pub use issues::counts::IssueProgress;
pub use issues::drafts::SaveOutcome;
pub use issues::fanout::FanOutBatch;
pub use issues::freeze::{FreezeOutcome, NewIssue};
pub use issues::policy_rejections::PolicyRefusal;
pub use queue::commit::{CommitResult, DeliveryUpdate, GroupCommit, SendIntent};
pub use queue::lease::ClaimedDelivery;
pub use subscribers::Subscriber;
pub use subscribers::address_change::{AddressChange, RateLimitKey};
pub use subscribers::filter::{Order, PageDirection, Search, SubscriberFilter};
pub use subscribers::import::{ImportRow, ImportTally};
pub use subscribers::list::SubscriberRow;
pub use subscribers::record::{LastDelivery, SubscriberRecord};
pub use subscribers::removal::{Erase, Unsubscribe};
pub use subscribers::signup::{
    ConfirmationIds, ConsentRecord, RateWindows, RecentMails, SelectEmail, SignUp,
};

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
    #[error(
        "the database was created by a pre-release version (its migration {0}); start the last pre-release version once before this one"
    )]
    Prerelease(i64),
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
    pub(crate) fn ack_lost() -> Self {
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
