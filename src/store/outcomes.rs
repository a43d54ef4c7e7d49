//! The group commit: what was just sent is recorded, and what each connection sends
//! next is marked, in one transaction.

use std::collections::HashSet;

use fail::fail_point;
use sqlx::{Any, AssertSqlSafe, Transaction};

use super::issues::PAUSE;
use super::transaction::again;
use super::{Store, StoreError, batch, refusals, subscribers};
use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryState};
use crate::domain::ids::WorkerId;
use crate::domain::issue::IssueId;
use crate::domain::refusal::Refusal;
use crate::domain::subscriber::SubscriberId;

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
    /// What makes the address dead when it comes again with later issues.
    pub refusal: Option<(SubscriberId, Refusal)>,
}

/// All that is written at once.
#[derive(Clone, Debug, Default)]
pub struct GroupCommit {
    /// Issues that must stop, and why. None of what is marked next is of them.
    pub pauses: Vec<(IssueId, String)>,
    pub outcomes: Vec<Settled>,
    /// Bounced for what may be our fault: if their issue is paused by now, they go back to
    /// the queue and the try is not counted.
    pub excused: Vec<DeliveryId>,
    /// What each connection would send next.
    pub next: Vec<DeliveryId>,
}

/// What came of a group commit.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// Those of the pauses that found their issue running.
    pub paused: Vec<(IssueId, String)>,
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

fn excuse_sql(count: usize) -> String {
    format!(
        "UPDATE deliveries SET state = CASE WHEN attempts > 1 THEN 'deferred' ELSE 'queued' END,
            due_at = 0, attempts = attempts - 1, at = $1
        WHERE id IN ({}) AND state = 'bounced'
          AND issue_id IN (SELECT id FROM issues WHERE state = 'paused')
          AND subscriber_id IN (SELECT id FROM subscribers WHERE state = 'confirmed')",
        batch::list(2, count)
    )
}

const SUPPRESS: &str =
    "UPDATE subscribers SET state = 'suppressed', state_at = $2, suppressed_why = $3
    WHERE id = $1 AND state IN ('pending', 'confirmed')";
const BOUNCE: &str = "UPDATE deliveries SET state = 'bounced', due_at = NULL, at = $2
    WHERE id = $1 AND state = 'deferred'";

// A reader who left while their copy was on a connection is not tried again.
const UNWANTED: &str = "UPDATE deliveries SET state = 'skipped', due_at = NULL, at = $2
    WHERE id = $1 AND kind = 'issue' AND state = 'deferred'
      AND NOT EXISTS (SELECT 1 FROM subscribers s WHERE s.id = deliveries.subscriber_id AND s.state = 'confirmed')";

// Nor is one whose next issue came out meanwhile; [`Store::freeze`] ends those that waited.
const OUTDATED: &str = "UPDATE deliveries SET
        state = CASE WHEN lost_replies > 0 THEN 'in_doubt' ELSE 'bounced' END, due_at = NULL, at = $2
    WHERE id = $1 AND state = 'deferred' AND EXISTS (
        SELECT 1 FROM issues own, issues newer
        WHERE own.id = deliveries.issue_id AND newer.number > own.number AND newer.slot IS NOT NULL)";

impl Store {
    /// Writes a group commit, all or nothing.
    pub async fn record(
        &self,
        worker: &WorkerId,
        commit: &GroupCommit,
        now: Timestamp,
    ) -> Result<Recorded, StoreError> {
        again(|| async {
            let mut tx = self.begin_write().await?;
            let paused = pause(&mut tx, &commit.pauses).await?;
            write_outcomes(&mut tx, worker, &commit.outcomes, now).await?;
            fail_point!("outcomes-written");
            for settled in &commit.outcomes {
                follow_up(&mut tx, settled, now).await?;
            }
            excuse(&mut tx, &commit.excused, now).await?;
            let begun = begin(&mut tx, worker, &commit.next, now).await?;
            fail_point!("marks-written");
            tx.commit().await?;
            Ok(Recorded { paused, begun })
        })
        .await
    }
}

async fn pause(
    tx: &mut Transaction<'static, Any>,
    pauses: &[(IssueId, String)],
) -> Result<Vec<(IssueId, String)>, StoreError> {
    let mut paused = Vec::new();
    for (issue, why) in pauses {
        let update = sqlx::query(PAUSE).bind(issue.to_string()).bind(why.clone());
        if update.execute(&mut **tx).await?.rows_affected() > 0 {
            paused.push((*issue, why.clone()));
        }
    }
    if !paused.is_empty() {
        fail_point!("pausing");
    }
    Ok(paused)
}

/// What an outcome means beyond its own row.
async fn follow_up(
    tx: &mut Transaction<'static, Any>,
    settled: &Settled,
    now: Timestamp,
) -> Result<(), StoreError> {
    if settled.due_at.is_some() {
        for statement in [UNWANTED, OUTDATED] {
            on_delivery(tx, statement, &settled.id, now).await?;
        }
    }
    if let Some(reader) = &settled.suppress {
        suppress(tx, reader, settled, now).await?;
    }
    if let Some((reader, refusal)) = &settled.refusal
        && refusals::note(tx, reader, *refusal, &settled.id, now).await?
    {
        suppress(tx, reader, settled, now).await?;
    }
    Ok(())
}

/// Never writes to this reader again, and ends whatever waits for them.
async fn suppress(
    tx: &mut Transaction<'static, Any>,
    reader: &SubscriberId,
    settled: &Settled,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(SUPPRESS)
        .bind(reader.to_string())
        .bind(now.as_millis())
        .bind(settled.reply.clone())
        .execute(&mut **tx)
        .await?;
    on_delivery(tx, BOUNCE, &settled.id, now).await?;
    subscribers::skip(tx, subscribers::SKIP_ALL, reader, now).await?;
    refusals::forget(tx, reader).await
}

async fn on_delivery(
    tx: &mut Transaction<'static, Any>,
    statement: &'static str,
    delivery: &DeliveryId,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(statement)
        .bind(delivery.to_string())
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn excuse(
    tx: &mut Transaction<'static, Any>,
    excused: &[DeliveryId],
    now: Timestamp,
) -> Result<(), StoreError> {
    for run in batch::runs(excused) {
        let mut query = sqlx::query(AssertSqlSafe(excuse_sql(run.len()))).bind(now.as_millis());
        for id in run {
            query = query.bind(id.to_string());
        }
        query.execute(&mut **tx).await?;
    }
    Ok(())
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
        excuse_sql(10),
        SUPPRESS.to_owned(),
        BOUNCE.to_owned(),
        UNWANTED.to_owned(),
        OUTDATED.to_owned(),
    ]
}
