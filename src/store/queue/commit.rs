//! Group commit: records the results of attempts and marks the next deliveries of each
//! connection as being sent, in one transaction.

use std::collections::HashSet;

use sqlx::AssertSqlSafe;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::DeliveryId;
use crate::domain::delivery::in_doubt::LOST_REPLIES_PAUSE_REASON;
use crate::domain::ids::WorkerId;
use crate::domain::issue::IssueId;
use crate::domain::subscriber::SubscriberId;
use crate::store::db::batch;
use crate::store::db::connect::Store;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::deliveries::sql::{expire_superseded_sql, skip_unwanted_sql};
use crate::store::deliveries::types::{DeliveryUpdate, SendIntent};
use crate::store::error::StoreError;
use crate::store::issues::lost_replies::{self, LostReply};
use crate::store::issues::policy_rejections::{self, PolicyRejection};
use crate::store::issues::state::PAUSE_ON_ERROR;
use crate::store::queue::commit_rows::CommitRow;
use crate::store::subscribers::address_change::update_pending_addresses;
use crate::store::subscribers::suppression::{self, Suppression, SuppressionCause};
use crate::store::subscribers::suppression_limit;

/// Results and send intents that are committed together.
#[derive(Clone, Debug, Default)]
pub struct GroupCommit {
    /// Issues to pause, with the reason. Takes effect before the intents.
    pub pauses: Vec<(IssueId, String)>,
    /// Results of attempts.
    pub updates: Vec<DeliveryUpdate>,
    /// Deliveries that bounced for a reason that may concern the sender: if their issue is paused
    /// now, they are requeued and the attempt does not count.
    pub requeued: Vec<DeliveryId>,
    /// Rejections by policy, which pause their issue when there are too many in a row.
    pub rejections: Vec<PolicyRejection>,
    /// Deliveries whose reply was lost, which pause their issue when there are too many in a row.
    pub lost_replies: Vec<LostReply>,
    /// Issues of which a delivery was accepted before those rejections and lost replies, which ends
    /// their runs.
    pub accepted_issues: Vec<IssueId>,
    /// What each connection wants to send next.
    pub intents: Vec<SendIntent>,
}

/// Result of a group commit.
#[derive(Clone, Debug, Default)]
pub struct CommitResult {
    /// Issues that this commit paused, with the reason. They were sending before.
    pub paused: Vec<(IssueId, String)>,
    /// Deliveries of the intents that may be sent now. The others are no longer wanted, have
    /// another address or lease, or their issue is not sending.
    pub may_send: HashSet<DeliveryId>,
}

// Locks the subscriber rows: a concurrent unsubscribe would not see the delivery that is being
// re-queued.
fn lock_subscribers_sql(count: usize) -> String {
    format!(
        "UPDATE subscribers SET state = state WHERE id IN (
            SELECT subscriber_id FROM deliveries WHERE id IN ({}) AND state = 'bounced'
              AND issue_id IN (SELECT id FROM issues WHERE state = 'paused'))",
        batch::placeholders(1, count)
    )
}

fn requeue_sql(count: usize) -> String {
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

// A rejection that does not count proves nothing about the address.
fn delete_soft_bounces_sql(count: usize) -> String {
    format!(
        "DELETE FROM soft_bounces WHERE delivery_id IN ({})
          AND delivery_id IN (SELECT id FROM deliveries WHERE state IN ('queued', 'deferred'))",
        batch::placeholders(1, count)
    )
}

const SKIP_UNWANTED: &str = skip_unwanted_sql!("id = $1");
const EXPIRE_SUPERSEDED: &str = expire_superseded_sql!("id = $1");

impl Store {
    /// Commits a group of results and intents atomically.
    ///
    /// Idempotent: it can be repeated after a lost acknowledgement and returns the same result.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails; the group may then have been
    /// committed. Returns [`StoreError::Corrupt`] if a stored value cannot be parsed.
    pub async fn record(
        &self,
        worker: &WorkerId,
        commit: &GroupCommit,
        now: Timestamp,
    ) -> Result<CommitResult, StoreError> {
        with_retry(|| async {
            if commit.is_single_statement() {
                self.record_in_statement(worker, commit, now).await
            } else {
                self.record_in_transaction(worker, commit, now).await
            }
        })
        .await
    }

    async fn record_in_statement(
        &self,
        worker: &WorkerId,
        commit: &GroupCommit,
        now: Timestamp,
    ) -> Result<CommitResult, StoreError> {
        let mut writer = self.writer().await?;
        let connection = writer.connection();
        let updates = commit.updates.iter().map(CommitRow::from_update);
        let intents = commit.intents.iter().map(CommitRow::from_intent);
        let rows: Vec<CommitRow<'_>> = updates.chain(intents).collect();
        let written = self.write_rows(connection, worker, &rows, now).await?;
        let may_send = if written == rows.len() as u64 {
            commit.intents.iter().map(|it| it.id.clone()).collect()
        } else {
            self.sending(connection, worker, &commit.intents).await?
        };
        writer.release();
        fail_point!("commit-ack-lost", |_| Err(StoreError::ack_lost()));
        Ok(CommitResult {
            paused: Vec::new(),
            may_send,
        })
    }

    /// Takes row locks in the order of [`locks`](crate::store::db::locks).
    async fn record_in_transaction(
        &self,
        worker: &WorkerId,
        commit: &GroupCommit,
        now: Timestamp,
    ) -> Result<CommitResult, StoreError> {
        let mut tx = self.begin_write().await?;
        let counted = commit.rejections.iter().map(|it| it.issue);
        let counted = counted.chain(commit.lost_replies.iter().map(|it| it.issue));
        policy_rejections::lock_issues(&mut tx, counted.collect()).await?;
        suppression_limit::lock_issues(&mut tx, &commit.updates).await?;
        let mut paused = pause_issues(&mut tx, &commit.pauses).await?;
        let updates: Vec<CommitRow<'_>> =
            commit.updates.iter().map(CommitRow::from_update).collect();
        self.write_rows(&mut tx, worker, &updates, now).await?;
        fail_point!("outcomes-written");
        let mut suppressed = Vec::new();
        for update in &commit.updates {
            apply_side_effects(&mut tx, update, &mut suppressed, now).await?;
        }
        // After the suppressions, which concern the address that was tried.
        update_pending_addresses(&mut tx, &commit.retried(), now).await?;
        requeue_bounced(&mut tx, &commit.requeued, now).await?;
        for issue in &commit.accepted_issues {
            policy_rejections::clear(&mut tx, issue).await?;
            lost_replies::clear(&mut tx, issue).await?;
        }
        for run in policy_rejections::record(&mut tx, &commit.rejections).await? {
            paused.extend(pause_issues(&mut tx, &[(run.issue, run.last_reply)]).await?);
            requeue_bounced(&mut tx, &run.deliveries, now).await?;
        }
        for issue in lost_replies::record(&mut tx, &commit.lost_replies).await? {
            let pause = [(issue, LOST_REPLIES_PAUSE_REASON.to_owned())];
            paused.extend(pause_issues(&mut tx, &pause).await?);
        }
        let intents: Vec<CommitRow<'_>> =
            commit.intents.iter().map(CommitRow::from_intent).collect();
        self.write_rows(&mut tx, worker, &intents, now).await?;
        let may_send = self.sending(&mut tx, worker, &commit.intents).await?;
        suppression::skip_concurrent_issue(&mut tx, &suppressed, now).await?;
        fail_point!("intents-written");
        tx.commit().await?;
        fail_point!("commit-ack-lost", |_| Err(StoreError::ack_lost()));
        Ok(CommitResult { paused, may_send })
    }
}

impl GroupCommit {
    /// Returns the deliveries that are retried later.
    fn retried(&self) -> Vec<&DeliveryId> {
        let retried = self.updates.iter().filter(|it| it.due_at.is_some());
        retried.map(|update| &update.id).collect()
    }

    /// Returns whether one statement can write the whole group: its rows have no side effects and
    /// fit into one statement.
    fn is_single_statement(&self) -> bool {
        let has_side_effects = |update: &DeliveryUpdate| {
            update.due_at.is_some() || update.suppress.is_some() || update.soft_bounce.is_some()
        };
        self.pauses.is_empty()
            && self.requeued.is_empty()
            && self.lost_replies.is_empty()
            && self.accepted_issues.is_empty()
            && !self.updates.iter().any(has_side_effects)
            && self.updates.len() + self.intents.len() <= batch::MAX_ROWS
    }
}

/// Pauses issues, with the reason, and returns those that were sending.
async fn pause_issues(
    tx: &mut WriteTx,
    pauses: &[(IssueId, String)],
) -> Result<Vec<(IssueId, String)>, StoreError> {
    let mut paused = Vec::new();
    for (issue, reason) in pauses {
        let update = sqlx::query(PAUSE_ON_ERROR).bind(issue).bind(reason);
        if update.execute(&mut **tx).await?.rows_affected() > 0 {
            paused.push((*issue, reason.clone()));
        }
    }
    if !paused.is_empty() {
        fail_point!("pausing");
    }
    Ok(paused)
}

/// Applies what a result changes besides its own row: ends retries that are no longer wanted, and
/// suppresses a subscriber whose address does not exist, who is added to `suppressed`.
async fn apply_side_effects(
    tx: &mut WriteTx,
    update: &DeliveryUpdate,
    suppressed: &mut Vec<SubscriberId>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if update.due_at.is_some() {
        for statement in [SKIP_UNWANTED, EXPIRE_SUPERSEDED] {
            let query = sqlx::query(statement).bind(&update.id).bind(now);
            query.execute(&mut **tx).await?;
        }
    }
    let invalid = match (&update.suppress, &update.soft_bounce) {
        (Some(subscriber), _) => Some(subscriber),
        (None, Some((subscriber, kind))) => {
            let is_conclusive =
                suppression::record_soft_bounce(tx, subscriber, *kind, &update.id, now).await?;
            is_conclusive.then_some(subscriber)
        }
        (None, None) => None,
    };
    let Some(subscriber) = invalid else {
        return Ok(());
    };
    let suppression = Suppression {
        subscriber,
        delivery: Some(&update.id),
        reason: &update.reply,
        cause: SuppressionCause::Bounced,
    };
    if suppression_limit::is_below_limit(tx, update).await?
        && suppression::suppress(tx, &suppression, now).await?
    {
        suppression_limit::record(tx, update, subscriber, now).await?;
        suppressed.push(*subscriber);
    }
    Ok(())
}

/// Requeues bounced deliveries whose issue is paused.
async fn requeue_bounced(
    tx: &mut WriteTx,
    deliveries: &[DeliveryId],
    now: Timestamp,
) -> Result<(), StoreError> {
    for chunk in batch::chunks(deliveries) {
        let lock = sqlx::query(AssertSqlSafe(lock_subscribers_sql(chunk.len())));
        let lock = chunk.iter().fold(lock, |query, id| query.bind(id));
        lock.execute(&mut **tx).await?;
        let update = sqlx::query(AssertSqlSafe(requeue_sql(chunk.len()))).bind(now);
        let update = chunk.iter().fold(update, |query, id| query.bind(id));
        update.execute(&mut **tx).await?;
        let delete = sqlx::query(AssertSqlSafe(delete_soft_bounces_sql(chunk.len())));
        let delete = chunk.iter().fold(delete, |query, id| query.bind(id));
        delete.execute(&mut **tx).await?;
    }
    Ok(())
}

#[cfg(test)]
pub(crate) fn statements() -> Vec<String> {
    vec![
        lock_subscribers_sql(10),
        requeue_sql(10),
        delete_soft_bounces_sql(10),
        SKIP_UNWANTED.to_owned(),
        EXPIRE_SUPERSEDED.to_owned(),
    ]
}
