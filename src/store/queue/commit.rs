//! The group commit: what was just sent is recorded, and what each connection sends
//! next is marked, in one transaction.

use std::collections::HashSet;

use fail::fail_point;
use sqlx::AssertSqlSafe;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::soft_bounce::SoftBounce;
use crate::domain::delivery::{DeliveryId, DeliveryState};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::WorkerId;
use crate::domain::issue::IssueId;
use crate::domain::subscriber::SubscriberId;
use crate::store::db::batch;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::issues::policy_rejections;
use crate::store::issues::state::PAUSE;
use crate::store::queue::commit_rows::Row;
use crate::store::subscribers::address_change::update_pending_addresses;
use crate::store::subscribers::suppression;
use crate::store::{ClaimedDelivery, PolicyRejection, Store, StoreError};

/// What is written of one try.
#[derive(Clone, Debug)]
pub struct DeliveryUpdate {
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
    pub soft_bounce: Option<(SubscriberId, SoftBounce)>,
}

/// What a connection would send, and to where: its reader may have moved meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendIntent {
    pub id: DeliveryId,
    pub to: EmailAddress,
}

impl From<&ClaimedDelivery> for SendIntent {
    fn from(job: &ClaimedDelivery) -> Self {
        Self {
            id: job.id.clone(),
            to: job.address.clone(),
        }
    }
}

/// All that is written at once.
#[derive(Clone, Debug, Default)]
pub struct GroupCommit {
    /// Issues that must stop, and why. None of what is marked next is of them.
    pub pauses: Vec<(IssueId, String)>,
    pub updates: Vec<DeliveryUpdate>,
    /// Bounced for what may be our fault: if their issue is paused by now, they go back to
    /// the queue and the try is not counted.
    pub requeued: Vec<DeliveryId>,
    /// Those of them that lengthen a streak …
    pub rejections: Vec<PolicyRejection>,
    /// … and the issues of which something was accepted before.
    pub accepted_issues: Vec<IssueId>,
    /// What each connection would send next.
    pub intents: Vec<SendIntent>,
}

/// What came of a group commit.
#[derive(Clone, Debug, Default)]
pub struct CommitResult {
    /// Those of the pauses that found their issue running.
    pub paused: Vec<(IssueId, String)>,
    /// Those of the asked-for deliveries that may be sent now. The others are not
    /// wanted any more, or elsewhere, or their issue is not running.
    pub may_send: HashSet<DeliveryId>,
}

// Who leaves at this moment would not find their copy in the queue.
fn hold_readers_sql(count: usize) -> String {
    format!(
        "UPDATE subscribers SET state = state WHERE id IN (
            SELECT subscriber_id FROM deliveries WHERE id IN ({}) AND state = 'bounced'
              AND issue_id IN (SELECT id FROM issues WHERE state = 'paused'))",
        batch::placeholders(1, count)
    )
}

fn excuse_sql(count: usize) -> String {
    format!(
        "UPDATE deliveries SET state = CASE WHEN attempts > 1 THEN 'deferred' ELSE 'queued' END,
            due_at = 0, attempts = attempts - 1, at = $1,
            address = (SELECT s.address FROM subscribers s WHERE s.id = deliveries.subscriber_id)
        WHERE id IN ({}) AND state = 'bounced'
          AND issue_id IN (SELECT id FROM issues WHERE state = 'paused')
          AND id = issue_id || ':' || subscriber_id AND subscriber_id IN (SELECT id FROM subscribers WHERE state = 'confirmed'
            AND (paused_until IS NULL OR paused_until <= $1))",
        batch::placeholders(2, count)
    )
}

// What is not tried again ends by whether a server may have had it.
macro_rules! given_up {
    ($otherwise:literal, $which:literal, $because:literal) => {
        concat!(
            "UPDATE deliveries SET state = CASE WHEN lost_replies > 0 THEN 'in_doubt' ELSE '",
            $otherwise,
            "' END, due_at = NULL, lease = NULL, at = $2
            WHERE ",
            $which,
            " AND state IN ('queued', 'deferred') AND ",
            $because
        )
    };
}
pub(crate) use given_up;

// Not tried again: a reader who left while their copy was on a connection, or gave way to
// another, who has their own; an issue that was cancelled meanwhile; who was erased.
macro_rules! unwanted {
    ($which:literal) => {
        given_up!(
            "skipped",
            $which,
            "(address IS NULL OR kind = 'issue' AND (
                id <> issue_id || ':' || COALESCE(subscriber_id, '')
                OR NOT EXISTS (SELECT 1 FROM subscribers s WHERE s.id = deliveries.subscriber_id
                    AND s.state = 'confirmed' AND (s.paused_until IS NULL OR s.paused_until <= $2))
                OR EXISTS (SELECT 1 FROM issues i WHERE i.id = deliveries.issue_id AND i.state = 'cancelled')))"
        )
    };
}
pub(crate) use unwanted;
const UNWANTED: &str = unwanted!("id = $1");

// Nor is one whose next issue came out meanwhile; [`Store::freeze`] ends those that waited.
macro_rules! outdated {
    ($which:literal) => {
        given_up!(
            "bounced",
            $which,
            "EXISTS (SELECT 1 FROM issues own, issues newer
                WHERE own.id = deliveries.issue_id AND newer.number > own.number AND newer.slot IS NOT NULL)"
        )
    };
}
pub(crate) use outdated;
const OUTDATED: &str = outdated!("id = $1");

impl Store {
    /// Writes a group commit, all or nothing. Written twice it is as if it was written once,
    /// and answers the same: a commit whose answer was lost can be tried again.
    pub async fn record(
        &self,
        worker: &WorkerId,
        commit: &GroupCommit,
        now: Timestamp,
    ) -> Result<CommitResult, StoreError> {
        with_retry(|| async {
            if commit.is_plain() {
                self.record_plain(worker, commit, now).await
            } else {
                self.record_with_consequences(worker, commit, now).await
            }
        })
        .await
    }

    async fn record_plain(
        &self,
        worker: &WorkerId,
        commit: &GroupCommit,
        now: Timestamp,
    ) -> Result<CommitResult, StoreError> {
        let mut pen = self.writer().await?;
        let rows = commit.updates.iter().map(Row::of_outcome);
        let rows: Vec<Row<'_>> = rows
            .chain(commit.intents.iter().map(Row::of_mark))
            .collect();
        let written = self.write(pen.connection(), worker, &rows, now).await?;
        let begun = if written == rows.len() as u64 {
            commit.intents.iter().map(|next| next.id.clone()).collect()
        } else {
            self.begun(pen.connection(), worker, &commit.intents)
                .await?
        };
        pen.release();
        fail_point!("commit-unanswered", |_| Err(StoreError::ack_lost()));
        let paused = Vec::new();
        Ok(CommitResult {
            paused,
            may_send: begun,
        })
    }

    async fn record_with_consequences(
        &self,
        worker: &WorkerId,
        commit: &GroupCommit,
        now: Timestamp,
    ) -> Result<CommitResult, StoreError> {
        let mut tx = self.begin_write().await?;
        policy_rejections::lock_issues(&mut tx, &commit.rejections).await?;
        let mut paused = pause(&mut tx, &commit.pauses).await?;
        let outcomes: Vec<Row<'_>> = commit.updates.iter().map(Row::of_outcome).collect();
        self.write(&mut tx, worker, &outcomes, now).await?;
        fail_point!("outcomes-written");
        let mut suppressed = Vec::new();
        for settled in &commit.updates {
            apply_side_effects(&mut tx, settled, &mut suppressed, now).await?;
        }
        // Behind all that is said of an address, which is the one that was tried.
        update_pending_addresses(&mut tx, &commit.waiting(), now).await?;
        requeue(&mut tx, &commit.requeued, now).await?;
        for issue in &commit.accepted_issues {
            policy_rejections::clear(&mut tx, &issue.to_string()).await?;
        }
        for streak in policy_rejections::record(&mut tx, &commit.rejections).await? {
            paused.extend(pause(&mut tx, &[(streak.issue, streak.last_reply)]).await?);
            requeue(&mut tx, &streak.deliveries, now).await?;
        }
        let marks: Vec<Row<'_>> = commit.intents.iter().map(Row::of_mark).collect();
        self.write(&mut tx, worker, &marks, now).await?;
        let begun = self.begun(&mut tx, worker, &commit.intents).await?;
        suppression::skip_concurrent_issue(&mut tx, &suppressed, now).await?;
        fail_point!("marks-written");
        tx.commit().await?;
        fail_point!("commit-unanswered", |_| Err(StoreError::ack_lost()));
        Ok(CommitResult {
            paused,
            may_send: begun,
        })
    }
}

impl GroupCommit {
    /// What is tried again.
    fn waiting(&self) -> Vec<&DeliveryId> {
        let waiting = self.updates.iter().filter(|it| it.due_at.is_some());
        waiting.map(|settled| &settled.id).collect()
    }

    /// Whether its rows are all there is to write, and few enough for one statement.
    fn is_plain(&self) -> bool {
        let has_consequences = |settled: &DeliveryUpdate| {
            settled.due_at.is_some() || settled.suppress.is_some() || settled.soft_bounce.is_some()
        };
        self.pauses.is_empty()
            && self.requeued.is_empty()
            && self.accepted_issues.is_empty()
            && !self.updates.iter().any(has_consequences)
            && self.updates.len() + self.intents.len() <= batch::MOST
    }
}

async fn pause(
    tx: &mut WriteTx,
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
async fn apply_side_effects(
    tx: &mut WriteTx,
    settled: &DeliveryUpdate,
    suppressed: &mut Vec<SubscriberId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if settled.due_at.is_some() {
        for statement in [UNWANTED, OUTDATED] {
            on_delivery(tx, statement, &settled.id, now).await?;
        }
    }
    let is_dead = match (&settled.suppress, &settled.soft_bounce) {
        (Some(reader), _) => Some(reader),
        (None, Some((reader, refusal))) => {
            let settles_it =
                suppression::record_soft_bounce(tx, reader, *refusal, &settled.id, now).await?;
            settles_it.then_some(reader)
        }
        (None, None) => None,
    };
    if let Some(reader) = is_dead
        && suppression::suppress(tx, reader, settled, now).await?
    {
        suppressed.push(*reader);
    }
    Ok(())
}

async fn on_delivery(
    tx: &mut WriteTx,
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

async fn requeue(
    tx: &mut WriteTx,
    requeued: &[DeliveryId],
    now: Timestamp,
) -> Result<(), StoreError> {
    for run in batch::chunks(requeued) {
        let mut query = sqlx::query(AssertSqlSafe(hold_readers_sql(run.len())));
        for id in run {
            query = query.bind(id.to_string());
        }
        query.execute(&mut **tx).await?;
        let mut query = sqlx::query(AssertSqlSafe(excuse_sql(run.len()))).bind(now.as_millis());
        for id in run {
            query = query.bind(id.to_string());
        }
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) fn statements() -> Vec<String> {
    vec![
        hold_readers_sql(10),
        excuse_sql(10),
        UNWANTED.to_owned(),
        OUTDATED.to_owned(),
    ]
}
