//! All that is kept of one reader, for the reader.

use sqlx::Row;
use sqlx::any::AnyRow;

use super::delivery_list::delivery_row;
use super::subscribers::subscriber;
use super::{DeliveryRow, Store, StoreError, Subscriber};
use crate::domain::clock::Timestamp;
use crate::domain::ids::SubscriberId;

/// A reader as the database has them.
#[derive(Clone, Debug)]
pub struct OwnRecord {
    pub subscriber: Subscriber,
    /// Since when they are in their state.
    pub since: Timestamp,
    pub suppressed_why: Option<String>,
    pub asked_at: Option<Timestamp>,
    pub asked_ip: Option<String>,
    pub form_version: Option<String>,
    pub confirmed_ip: Option<String>,
    /// The oldest first.
    pub deliveries: Vec<DeliveryRow>,
}

const RECORD: &str =
    "SELECT id, address, name, state, nonce, paused_until, source, created_at, confirmed_at,
    state_at, suppressed_why, asked_at, asked_ip, form_version, confirmed_ip
    FROM subscribers WHERE id = $1";
// Not what went to an address they asked to move to: whether it came to them would tell
// whose that address is.
const MAILS: &str = "SELECT d.id, i.number AS issue, d.kind, d.address, d.state, d.attempts, d.reply, d.at, d.due_at
    FROM deliveries d LEFT JOIN issues i ON i.id = d.issue_id
    WHERE d.subscriber_id = $1
      AND (d.kind <> 'reader_link' OR d.address = (SELECT address FROM subscribers WHERE id = $1))
    ORDER BY d.queued_at, d.id";

impl Store {
    /// `None` when the reader was erased.
    pub async fn own_record(&self, id: &SubscriberId) -> Result<Option<OwnRecord>, StoreError> {
        let row = sqlx::query(RECORD)
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let mails = sqlx::query(MAILS)
            .bind(id.to_string())
            .fetch_all(&self.pool)
            .await?;
        let deliveries = mails.iter().map(delivery_row).collect::<Result<_, _>>()?;
        record(&row, deliveries).map(Some)
    }
}

fn record(row: &AnyRow, deliveries: Vec<DeliveryRow>) -> Result<OwnRecord, StoreError> {
    let asked_at: Option<i64> = row.try_get("asked_at")?;
    Ok(OwnRecord {
        subscriber: subscriber(row)?,
        since: Timestamp::from_millis(row.try_get("state_at")?),
        suppressed_why: row.try_get("suppressed_why")?,
        asked_at: asked_at.map(Timestamp::from_millis),
        asked_ip: row.try_get("asked_ip")?,
        form_version: row.try_get("form_version")?,
        confirmed_ip: row.try_get("confirmed_ip")?,
        deliveries,
    })
}

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[RECORD, MAILS];
