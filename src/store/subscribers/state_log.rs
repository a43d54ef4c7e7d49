//! Log of state changes, the source of the subscriber counts and the growth chart.
//!
//! Each transaction that changes states appends rows instead of updating a shared counter, so
//! that concurrent transactions do not wait for one row. Sums over the log are the counts.

use std::collections::HashMap;

use crate::domain::clock::Timestamp;
use crate::domain::subscriber::SubscriberState;
use crate::domain::subscriber::growth::{DAY, DailyChange};
use crate::store::db::connect::Store;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::error::StoreError;

/// Stored instead of a state for an address that is not in the table of subscribers.
const ABSENT: &str = "absent";

const INSERT: &str =
    "INSERT INTO subscriber_state_log (at, from_state, to_state, count) VALUES ($1, $2, $3, $4)";

/// Marks the rows visible to this transaction; rows inserted concurrently are compacted on
/// the next run.
const MARK: &str = "UPDATE subscriber_state_log SET compacting = 1 WHERE compacting IS NULL";
const COMPACT: &str = "INSERT INTO subscriber_daily_changes (day, from_state, to_state, count)
    SELECT at / 86400000, from_state, to_state, CAST(SUM(count) AS BIGINT) FROM subscriber_state_log
    WHERE compacting = 1 GROUP BY at / 86400000, from_state, to_state
    ON CONFLICT (day, from_state, to_state) DO UPDATE SET count = subscriber_daily_changes.count + excluded.count";
const DELETE_COMPACTED: &str = "DELETE FROM subscriber_state_log WHERE compacting = 1";

const COUNTS: &str = "SELECT state, CAST(SUM(count) AS BIGINT) AS n FROM (
        SELECT to_state AS state, count FROM subscriber_daily_changes
        UNION ALL SELECT from_state, -count FROM subscriber_daily_changes
        UNION ALL SELECT to_state, count FROM subscriber_state_log
        UNION ALL SELECT from_state, -count FROM subscriber_state_log
    ) AS moved
    WHERE state <> 'absent' GROUP BY state";
const DAYS: &str = "SELECT day,
        CAST(SUM(CASE WHEN to_state = 'confirmed' THEN count ELSE 0 END) AS BIGINT) AS came,
        CAST(SUM(CASE WHEN from_state = 'confirmed' THEN count ELSE 0 END) AS BIGINT) AS went
    FROM (
        SELECT day, from_state, to_state, count FROM subscriber_daily_changes WHERE day > $1
        UNION ALL
        SELECT at / 86400000, from_state, to_state, count FROM subscriber_state_log WHERE at / 86400000 > $1
    ) AS moved
    GROUP BY day ORDER BY day";
const EVER_PENDING: &str =
    "SELECT to_state FROM subscriber_daily_changes WHERE to_state = 'pending' UNION ALL
    SELECT to_state FROM subscriber_state_log WHERE to_state = 'pending' LIMIT 1";

// The statements divide times by this number.
const _: () = assert!(DAY.as_millis() == 86_400_000);

/// The state changes of one transaction, counted by old and new state.
///
/// `None` stands for an address that is not in the table of subscribers.
#[derive(Debug, Default)]
pub(crate) struct StateChanges(HashMap<(&'static str, &'static str), i64>);

impl StateChanges {
    /// Counts `count` changes from `from` to `to`.
    pub(crate) fn add(
        &mut self,
        from: Option<SubscriberState>,
        to: Option<SubscriberState>,
        count: u64,
    ) {
        let text = |state: Option<SubscriberState>| state.map_or(ABSENT, SubscriberState::as_str);
        *self.0.entry((text(from), text(to))).or_default() += count.cast_signed();
    }

    /// Counts one change to `to` from each of `former`.
    pub(crate) fn add_all(&mut self, former: &[SubscriberState], to: Option<SubscriberState>) {
        for state in former {
            self.add(Some(*state), to, 1);
        }
    }

    /// Returns the number of changes.
    pub(crate) fn total(&self) -> u64 {
        self.0.values().sum::<i64>().cast_unsigned()
    }

    /// Appends the changes to the log. `tx` must be the transaction that makes them.
    pub(crate) async fn write(self, tx: &mut WriteTx, now: Timestamp) -> Result<(), StoreError> {
        for ((from, to), count) in self.0.into_iter().filter(|(_, count)| *count != 0) {
            sqlx::query(INSERT)
                .bind(now)
                .bind(from)
                .bind(to)
                .bind(count)
                .execute(&mut **tx)
                .await?;
        }
        Ok(())
    }
}

/// Appends one change to `to` from each of `former`.
pub(crate) async fn record_all(
    tx: &mut WriteTx,
    former: &[SubscriberState],
    to: Option<SubscriberState>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut changes = StateChanges::default();
    changes.add_all(former, to);
    changes.write(tx, now).await
}

impl Store {
    /// Returns the number of subscribers in each state, without states that have none.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// a stored state cannot be parsed.
    pub async fn subscriber_counts(&self) -> Result<Vec<(SubscriberState, i64)>, StoreError> {
        let counts: Vec<(SubscriberState, i64)> =
            sqlx::query_as(COUNTS).fetch_all(&self.pool).await?;
        Ok(counts
            .into_iter()
            .filter(|(_, count)| *count != 0)
            .collect())
    }

    /// Returns the changes to and from `confirmed` on each day after `after` that has any.
    ///
    /// Days are counted since 1970-01-01, UTC.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn daily_changes(&self, after: i64) -> Result<Vec<DailyChange>, StoreError> {
        let days: Vec<(i64, i64, i64)> = sqlx::query_as(DAYS)
            .bind(after)
            .fetch_all(&self.pool)
            .await?;
        Ok(days
            .into_iter()
            .map(|(day, joined, left)| DailyChange { day, joined, left })
            .collect())
    }

    /// Returns whether any subscriber was ever pending, that is, signed up.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn has_signup(&self) -> Result<bool, StoreError> {
        let query = sqlx::query(EVER_PENDING);
        Ok(query.fetch_optional(&self.pool).await?.is_some())
    }

    /// Compacts the log into one row per day and kind of change. The sums stay the same.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn compact_state_log(&self) -> Result<(), StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            for statement in [MARK, COMPACT, DELETE_COMPACTED] {
                sqlx::query(statement).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    INSERT,
    MARK,
    COMPACT,
    DELETE_COMPACTED,
    COUNTS,
    DAYS,
    EVER_PENDING,
];
