//! The group commit: what was just sent is recorded, and what each connection sends
//! next is marked, in one transaction.

use std::collections::HashSet;

use sqlx::{Any, AssertSqlSafe, Transaction};

use super::subscriber_moves::Moves;
use super::transaction::again;
use super::{Store, StoreError, batch};
use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryState};
use crate::domain::ids::WorkerId;
use crate::domain::subscriber::{SubscriberId, SubscriberState};

/// What is written of one try.
#[derive(Clone, Debug)]
pub struct Settled {
    pub id: DeliveryId,
    pub state: DeliveryState,
    /// When it falls due again; set exactly for what is still to go.
    pub due_at: Option<Timestamp>,
    pub reply: String,
    /// False for what was not the reader's doing: the try is not counted.
    pub charged: bool,
    /// No reply was read after the final dot.
    pub lost_reply: bool,
    /// The address is dead: never write to it again.
    pub suppress: Option<SubscriberId>,
}

/// What came of a group commit.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// Those of the asked-for deliveries that may be sent now. The others are not
    /// wanted any more, or their issue is not running.
    pub begun: HashSet<DeliveryId>,
}

const BIGINT: &str = "CAST($ AS BIGINT)";

fn record_sql(rows: usize) -> String {
    format!(
        "WITH v (id, state, due_at, reply, uncharged, lost) AS (VALUES {})
        UPDATE deliveries SET state = v.state, due_at = v.due_at, reply = v.reply, lease = NULL, at = $2,
            attempts = deliveries.attempts - v.uncharged,
            lost_replies = deliveries.lost_replies + v.lost,
            payload = CASE WHEN v.due_at IS NULL THEN NULL ELSE payload END
        FROM v WHERE deliveries.id = v.id AND deliveries.lease = $1 AND deliveries.state = 'sending'",
        batch::values(3, rows, &["$", "$", BIGINT, "$", BIGINT, BIGINT])
    )
}

// `leased` here says that the reader still wants it: leaving and pausing skip what was
// not begun, in the same transaction that records them.
fn begin_sql(count: usize) -> String {
    format!(
        "UPDATE deliveries SET state = 'sending', attempts = attempts + 1, at = $2
        WHERE id IN ({}) AND lease = $1 AND state = 'leased'
          AND (issue_id IS NULL OR issue_id IN (SELECT id FROM issues WHERE state = 'sending'))
        RETURNING id",
        batch::list(3, count)
    )
}

const SUPPRESS: &str = "UPDATE subscribers
    SET former_state = state, state = 'suppressed', state_at = $2, suppressed_why = $3
    WHERE id = $1 AND state IN ('pending', 'confirmed') RETURNING former_state";

// A reader who left while their copy was on a connection is not tried again.
const UNWANTED: &str = "UPDATE deliveries SET state = 'skipped', due_at = NULL, at = $2
    WHERE id = $1 AND kind = 'issue' AND state = 'deferred'
      AND NOT EXISTS (SELECT 1 FROM subscribers s WHERE s.id = deliveries.subscriber_id AND s.state = 'confirmed')";

impl Store {
    /// Writes `outcomes` and marks `next` as being sent, all or nothing.
    pub async fn record(
        &self,
        worker: &WorkerId,
        outcomes: &[Settled],
        next: &[DeliveryId],
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        again(|| async {
            let mut tx = self.begin_write().await?;
            write_outcomes(&mut tx, worker, outcomes, now).await?;
            let mut moves = Moves::default();
            for settled in outcomes {
                if settled.due_at.is_some() {
                    let update = sqlx::query(UNWANTED)
                        .bind(settled.id.to_string())
                        .bind(now.as_millis());
                    update.execute(&mut *tx).await?;
                }
                if let Some(subscriber) = settled.suppress {
                    let update = sqlx::query_scalar(SUPPRESS)
                        .bind(subscriber.to_string())
                        .bind(now.as_millis());
                    let former = update.bind(settled.reply.clone()).fetch_all(&mut *tx);
                    moves.add_all(former.await?, Some(SubscriberState::Suppressed))?;
                }
            }
            moves.write(&mut tx, now).await?;
            let begun = begin(&mut tx, worker, next, now).await?;
            tx.commit().await?;
            Ok(Recorded { begun })
        })
        .await
    }
}

async fn write_outcomes(
    tx: &mut Transaction<'static, Any>,
    worker: &WorkerId,
    outcomes: &[Settled],
    now: Timestamp,
) -> Result<(), StoreError> {
    for run in batch::runs(outcomes) {
        let mut query = sqlx::query(AssertSqlSafe(record_sql(run.len())));
        query = query.bind(worker.to_string()).bind(now.as_millis());
        for settled in run {
            query = query
                .bind(settled.id.to_string())
                .bind(settled.state.as_str().to_owned())
                .bind(settled.due_at.map(Timestamp::as_millis))
                .bind(settled.reply.clone())
                .bind(i64::from(!settled.charged))
                .bind(i64::from(settled.lost_reply));
        }
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

async fn begin(
    tx: &mut Transaction<'static, Any>,
    worker: &WorkerId,
    next: &[DeliveryId],
    now: Timestamp,
) -> Result<HashSet<DeliveryId>, StoreError> {
    let mut begun = HashSet::with_capacity(next.len());
    for run in batch::runs(next) {
        let mut query = sqlx::query_scalar(AssertSqlSafe(begin_sql(run.len())));
        query = query.bind(worker.to_string()).bind(now.as_millis());
        for id in run {
            query = query.bind(id.to_string());
        }
        let ids: Vec<String> = query.fetch_all(&mut **tx).await?;
        begun.extend(ids.into_iter().map(DeliveryId::from_stored));
    }
    Ok(begun)
}

#[cfg(test)]
pub(super) fn statements() -> Vec<String> {
    vec![
        record_sql(10),
        begin_sql(10),
        SUPPRESS.to_owned(),
        UNWANTED.to_owned(),
    ]
}
