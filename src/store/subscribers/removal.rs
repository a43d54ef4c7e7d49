//! Readers who leave or are erased, one or many at a time.

use sqlx::{AssertSqlSafe, Row};

use crate::domain::clock::Timestamp;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::db::batch;
use crate::store::db::locks::RECIPIENTS_LOCK;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::deliveries::sql;
use crate::store::subscribers::NOTE_LEAVING;
use crate::store::subscribers::soft_bounces;
use crate::store::subscribers::state_log::StateChanges;
use crate::store::{Store, StoreError};

/// One who leaves, and the nonce that makes their older confirmation links void.
#[derive(Clone, Debug)]
pub struct Unsubscribe {
    pub id: SubscriberId,
    pub nonce: String,
}

/// One to be erased, and the HMAC of their address that keeps them out of imports.
#[derive(Clone, Debug)]
pub struct Erase {
    pub id: SubscriberId,
    pub address_mac: String,
}

fn unsubscribe_sql(count: usize) -> String {
    format!(
        "WITH v (id, nonce) AS (VALUES {})
        UPDATE subscribers SET former_state = state, state = 'unsubscribed', state_at = $1,
            nonce = v.nonce, paused_until = NULL
        FROM v WHERE subscribers.id = v.id AND state IN ('pending', 'confirmed')
        RETURNING subscribers.id, former_state",
        batch::value_rows(2, count, &["$", "$"])
    )
}

const SKIP: &str = sql::skip_sql!("$1", "subscriber_id IN ($readers)");

fn skip_sql(count: usize) -> String {
    SKIP.replace("$readers", &batch::placeholders(2, count))
}

fn cut_ties_sql(count: usize) -> String {
    format!(
        "UPDATE deliveries SET address = NULL, subscriber_id = NULL, payload = NULL,
            reply = NULL
        WHERE subscriber_id IN ({})",
        batch::placeholders(1, count)
    )
}

fn note_erased_sql(count: usize) -> String {
    format!(
        "INSERT INTO erased_addresses (address_mac, erased_at) VALUES {}
        ON CONFLICT (address_mac) DO NOTHING",
        batch::value_rows(1, count, &["$", "CAST($ AS BIGINT)"])
    )
}

fn delete_sql(count: usize) -> String {
    format!(
        "DELETE FROM subscribers WHERE id IN ({}) RETURNING state",
        batch::placeholders(1, count)
    )
}

impl Store {
    /// Ends subscriptions, and with them every copy that was not begun. Gives how many
    /// were not ended already.
    pub async fn unsubscribe(
        &self,
        leavers: &[Unsubscribe],
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            sqlx::query(RECIPIENTS_LOCK).execute(&mut *tx).await?;
            let mut moves = StateChanges::default();
            for run in batch::chunks(leavers) {
                let update = sqlx::query(AssertSqlSafe(unsubscribe_sql(run.len())));
                let mut update = update.bind(now.as_millis());
                for leaver in run {
                    update = update
                        .bind(leaver.id.to_string())
                        .bind(leaver.nonce.clone());
                }
                let mut former = Vec::new();
                for row in update.fetch_all(&mut *tx).await? {
                    former.push(row.try_get("former_state")?);
                    let note = sqlx::query(NOTE_LEAVING).bind(row.try_get::<String, _>("id")?);
                    note.bind(now.as_millis()).execute(&mut *tx).await?;
                }
                moves.add_all(former, Some(SubscriberState::Unsubscribed))?;
                let ids: Vec<SubscriberId> = run.iter().map(|leaver| leaver.id).collect();
                skip(&mut tx, &ids, now).await?;
            }
            let left = moves.people();
            moves.write(&mut tx, now).await?;
            tx.commit().await?;
            Ok(left)
        })
        .await
    }

    /// Removes readers. Their deliveries stay, without address or name, so that every
    /// issue's sums stay true. Gives how many were there.
    pub async fn erase(&self, erasures: &[Erase], now: Timestamp) -> Result<u64, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            sqlx::query(RECIPIENTS_LOCK).execute(&mut *tx).await?;
            let mut moves = StateChanges::default();
            for run in batch::chunks(erasures) {
                let ids: Vec<SubscriberId> = run.iter().map(|erasure| erasure.id).collect();
                skip(&mut tx, &ids, now).await?;
                for id in &ids {
                    soft_bounces::forget(&mut tx, id).await?;
                }
                let cut = AssertSqlSafe(cut_ties_sql(ids.len()));
                let cut = ids
                    .iter()
                    .fold(sqlx::query(cut), |query, id| query.bind(id.to_string()));
                cut.execute(&mut *tx).await?;
                let mut note = sqlx::query(AssertSqlSafe(note_erased_sql(run.len())));
                for erasure in run {
                    note = note.bind(erasure.address_mac.clone()).bind(now.as_millis());
                }
                note.execute(&mut *tx).await?;
                let mut delete = sqlx::query_scalar(AssertSqlSafe(delete_sql(ids.len())));
                for id in &ids {
                    delete = delete.bind(id.to_string());
                }
                moves.add_all(delete.fetch_all(&mut *tx).await?, None)?;
            }
            let gone = moves.people();
            moves.write(&mut tx, now).await?;
            tx.commit().await?;
            Ok(gone)
        })
        .await
    }
}

async fn skip(tx: &mut WriteTx, ids: &[SubscriberId], now: Timestamp) -> Result<(), StoreError> {
    let update = sqlx::query(AssertSqlSafe(skip_sql(ids.len()))).bind(now.as_millis());
    ids.iter()
        .fold(update, |query, id| query.bind(id.to_string()))
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[cfg(test)]
pub(crate) fn statements() -> Vec<String> {
    vec![
        unsubscribe_sql(10),
        skip_sql(10),
        cut_ties_sql(10),
        note_erased_sql(10),
        delete_sql(10),
    ]
}
