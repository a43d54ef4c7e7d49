//! Rate limits of the mail that anyone can request for a mailbox.
//!
//! The table `signup_mails` holds one row per message and limit, under an HMAC of what is
//! limited, for about a day.

use std::collections::HashMap;
use std::slice;

use sqlx::FromRow;

use crate::domain::clock::Timestamp;
use crate::store::db::batch::{self, SizedStatement};
use crate::store::db::connect::Store;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::deliveries::enqueue;
use crate::store::deliveries::types::NewDelivery;
use crate::store::error::StoreError;

/// The start of the short window, the start of the day-long window, and the current time.
///
/// Messages sent after the start of a window are counted in it.
pub type RateWindows = (Timestamp, Timestamp, Timestamp);

/// The number of messages sent recently to one mailbox.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecentMails {
    /// Messages in the short window.
    pub in_short: i64,
    /// Messages in the day-long window, including those of the short one.
    pub in_day: i64,
}

/// A rate limit that applies to a message.
#[derive(Clone, Debug)]
pub struct RateLimitKey {
    /// The HMAC of the mailbox or network that is limited.
    pub mac: String,
    /// Maximum number of messages in the short window.
    pub max_short_term: i64,
    /// Maximum number of messages in the day-long window.
    pub max_per_day: i64,
}

impl RateLimitKey {
    fn is_exhausted(&self, recent: RecentMails) -> bool {
        recent.in_short >= self.max_short_term || recent.in_day >= self.max_per_day
    }
}

fn recent_sql(count: usize) -> String {
    format!(
        "SELECT mailbox_mac, CAST(SUM(CASE WHEN sent_at > $1 THEN 1 ELSE 0 END) AS BIGINT) AS in_short,
            CAST(COUNT(*) AS BIGINT) AS in_day
        FROM signup_mails WHERE sent_at > $2 AND mailbox_mac IN ({}) GROUP BY mailbox_mac",
        batch::placeholders(3, count)
    )
}

fn record_sql(rows: usize) -> String {
    format!(
        "WITH v (id, mailbox_mac) AS (VALUES {})
        INSERT INTO signup_mails (id, mailbox_mac, sent_at) SELECT id, mailbox_mac, ${} FROM v WHERE id IS NOT NULL",
        batch::value_rows(1, rows, &["$", "$"]),
        2 * rows + 1
    )
}

static RECENT: SizedStatement = SizedStatement::new(recent_sql);
static RECORD: SizedStatement = SizedStatement::new(record_sql);

const PURGE: &str = "DELETE FROM signup_mails WHERE sent_at <= $1";

impl Store {
    /// Enqueues a message unless one of its rate limits is exhausted.
    ///
    /// Returns whether the message was enqueued.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn enqueue_rate_limited(
        &self,
        message: &NewDelivery,
        limits: &[RateLimitKey],
        windows: RateWindows,
    ) -> Result<bool, StoreError> {
        let (_, _, now) = windows;
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            for (index, limit) in limits.iter().enumerate() {
                let recent = recent_mails(&mut tx, &[&limit.mac], windows).await?;
                if limit.is_exhausted(recent.get(&limit.mac).copied().unwrap_or_default()) {
                    return Ok(false);
                }
                let row = (format!("{}:{index}", message.id), limit.mac.as_str());
                record_mails(&mut tx, &[row], now).await?;
            }
            enqueue::insert(&mut tx, slice::from_ref(message), now).await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
    }

    /// Deletes the records of messages sent at or before `before`.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn purge_signup_mails(&self, before: Timestamp) -> Result<(), StoreError> {
        sqlx::query(PURGE).bind(before).execute(&self.pool).await?;
        Ok(())
    }
}

/// Returns the recent messages by the HMAC of the mailbox, without mailboxes that had none.
pub(crate) async fn recent_mails(
    tx: &mut WriteTx,
    mailbox_macs: &[&str],
    (short, day, _): RateWindows,
) -> Result<HashMap<String, RecentMails>, StoreError> {
    let (sql, padding) = RECENT.for_rows(tx.backend, mailbox_macs.len());
    let query = sqlx::query(sql).bind(short).bind(day);
    let query = mailbox_macs
        .iter()
        .fold(query, |query, mac| query.bind(*mac));
    let rows = batch::bind_nulls(query, padding)
        .fetch_all(&mut **tx)
        .await?;
    rows.iter()
        .map(|row| {
            let (mac, in_short, in_day) = FromRow::from_row(row)?;
            Ok((mac, RecentMails { in_short, in_day }))
        })
        .collect()
}

/// Records messages, each with its id and the HMAC of its mailbox.
pub(crate) async fn record_mails(
    tx: &mut WriteTx,
    mails: &[(String, &str)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let (sql, padding) = RECORD.for_rows(tx.backend, mails.len());
    let mut query = sqlx::query(sql);
    for (id, mac) in mails {
        query = query.bind(id).bind(*mac);
    }
    batch::bind_nulls(query, 2 * padding)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[PURGE];

#[cfg(test)]
pub(crate) fn statements(backend: crate::store::db::backend::Backend) -> Vec<String> {
    [&RECENT, &RECORD]
        .map(|statement| statement.for_rows(backend, 8).0.to_owned())
        .into()
}
