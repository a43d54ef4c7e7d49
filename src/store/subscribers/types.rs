//! The subscriber as the services use it, and the statements that select it.

use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::{SubscriberId, SubscriberState};

/// A subscriber, without the consent record and the reason of a suppression.
///
/// See `SubscriberRecord` for all columns.
#[derive(Clone, Debug)]
pub struct Subscriber {
    /// Stays the same when the address changes.
    pub id: SubscriberId,
    /// The address as it was entered.
    pub address: EmailAddress,
    /// The name, if the subscriber gave one.
    pub name: Option<String>,
    /// The current state.
    pub state: SubscriberState,
    /// Part of each confirmation token: a new nonce invalidates the links sent before.
    /// See `SecretKeys::confirmation_token`.
    pub nonce: String,
    /// When a pause ends; `None` if the subscription is not paused.
    pub paused_until: Option<Timestamp>,
    /// Where the subscriber came from: the form, or the text given to an import.
    pub source: String,
    /// When the row was inserted.
    pub created_at: Timestamp,
    /// When the subscriber last confirmed; `None` before the first confirmation.
    pub confirmed_at: Option<Timestamp>,
}

impl FromRow<'_, AnyRow> for Subscriber {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            address: row.try_get("address")?,
            name: row.try_get("name")?,
            state: row.try_get("state")?,
            nonce: row.try_get("nonce")?,
            paused_until: row.try_get("paused_until")?,
            source: row.try_get("source")?,
            created_at: row.try_get("created_at")?,
            confirmed_at: row.try_get("confirmed_at")?,
        })
    }
}

/// SQL that selects a [`Subscriber`] by the given condition.
macro_rules! select_subscriber_sql {
    ($condition:literal) => {
        concat!(
            "SELECT id, address, name, state, nonce, paused_until, source, created_at, confirmed_at
            FROM subscribers WHERE ",
            $condition
        )
    };
}
pub(crate) use select_subscriber_sql;

/// Selects the subscriber with the id $1.
pub(crate) const SUBSCRIBER_BY_ID: &str = select_subscriber_sql!("id = $1");
/// Selects the subscriber with the address key $1 (`EmailAddress::key`).
pub(crate) const SUBSCRIBER_BY_KEY: &str = select_subscriber_sql!("address_key = $1");

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[SUBSCRIBER_BY_ID, SUBSCRIBER_BY_KEY];
