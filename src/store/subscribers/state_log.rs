//! The ledger of who came and who went. Each change of a reader's state appends to it in
//! its own transaction; its sums are the counts that nobody has to count.

use std::collections::HashMap;

use sqlx::Row;

use crate::domain::clock::Timestamp;
use crate::domain::subscriber::SubscriberState;
use crate::domain::subscriber::growth::{DAY, DailyChange};
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::{Store, StoreError, decode};

/// Where a reader stands; `None` is not on the list.
pub(crate) type Standing = Option<SubscriberState>;

const ABSENT: &str = "absent";

const NOTE: &str =
    "INSERT INTO subscriber_state_log (at, from_state, to_state, count) VALUES ($1, $2, $3, $4)";

// A row that is marked is one that this transaction saw: what is written meanwhile waits
// for the next time.
const MARK: &str = "UPDATE subscriber_state_log SET compacting = 1 WHERE compacting IS NULL";
const FOLD: &str = "INSERT INTO subscriber_daily_changes (day, from_state, to_state, count)
    SELECT at / 86400000, from_state, to_state, CAST(SUM(count) AS BIGINT) FROM subscriber_state_log
    WHERE compacting = 1 GROUP BY at / 86400000, from_state, to_state
    ON CONFLICT (day, from_state, to_state) DO UPDATE SET count = subscriber_daily_changes.count + excluded.count";
const FORGET_FOLDED: &str = "DELETE FROM subscriber_state_log WHERE compacting = 1";

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

/// The moves of one transaction.
#[derive(Debug, Default)]
pub(crate) struct StateChanges(HashMap<(&'static str, &'static str), i64>);

impl StateChanges {
    pub(crate) fn one(was: Standing, became: Standing) -> Self {
        let mut moves = Self::default();
        moves.add(was, became, 1);
        moves
    }

    pub(crate) fn add(&mut self, was: Standing, became: Standing, people: u64) {
        let word = |standing: Standing| standing.map_or(ABSENT, SubscriberState::as_str);
        *self.0.entry((word(was), word(became))).or_default() += people.cast_signed();
    }

    /// Adds those whom a statement moved, by the states they were in.
    pub(crate) fn add_all(
        &mut self,
        former: Vec<String>,
        became: Standing,
    ) -> Result<(), StoreError> {
        for state in former {
            let was = decode("subscriber state", state, SubscriberState::parse)?;
            self.add(Some(was), became, 1);
        }
        Ok(())
    }

    pub(crate) fn people(&self) -> u64 {
        self.0.values().sum::<i64>().cast_unsigned()
    }

    /// Writes them down. Whoever moves a reader does so in the same transaction.
    pub(crate) async fn write(self, tx: &mut WriteTx, now: Timestamp) -> Result<(), StoreError> {
        for ((was, became), people) in self.0.into_iter().filter(|(_, people)| *people != 0) {
            sqlx::query(NOTE)
                .bind(now.as_millis())
                .bind(was)
                .bind(became)
                .bind(people)
                .execute(&mut **tx)
                .await?;
        }
        Ok(())
    }
}

impl Store {
    /// How many are in each state; states without anyone are left out.
    pub async fn subscriber_counts(&self) -> Result<Vec<(SubscriberState, i64)>, StoreError> {
        let rows = sqlx::query(COUNTS).fetch_all(&self.pool).await?;
        let counts = rows.iter().map(|row| {
            let state = decode(
                "subscriber state",
                row.try_get("state")?,
                SubscriberState::parse,
            )?;
            Ok((state, row.try_get("n")?))
        });
        let counts: Result<Vec<(SubscriberState, i64)>, StoreError> = counts.collect();
        Ok(counts?.into_iter().filter(|(_, n)| *n != 0).collect())
    }

    /// How many came to be confirmed and how many ceased to be, on each day after `day`
    /// (since 1970-01-01, UTC) on which there were any.
    pub async fn daily_changes(&self, after: i64) -> Result<Vec<DailyChange>, StoreError> {
        let rows = sqlx::query(DAYS).bind(after).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(DailyChange {
                    day: row.try_get("day")?,
                    came: row.try_get("came")?,
                    went: row.try_get("went")?,
                })
            })
            .collect()
    }

    /// Whether anyone was ever waiting for confirmation.
    pub async fn has_signup(&self) -> Result<bool, StoreError> {
        let query = sqlx::query(EVER_PENDING);
        Ok(query.fetch_optional(&self.pool).await?.is_some())
    }

    /// Folds the ledger's rows into days. The sums stay the same.
    pub async fn compact_state_log(&self) -> Result<(), StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            for statement in [MARK, FOLD, FORGET_FOLDED] {
                sqlx::query(statement).execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] =
    &[NOTE, MARK, FOLD, FORGET_FOLDED, COUNTS, DAYS, EVER_PENDING];

const _: () = assert!(DAY.as_millis() == 86_400_000);
