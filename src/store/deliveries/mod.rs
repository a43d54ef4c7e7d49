//! Mails to be sent, before anyone takes them up.

pub(crate) mod filter;
pub(crate) mod list;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryKind};
use crate::domain::email_address::EmailAddress;
use crate::domain::issue::IssueId;
use crate::domain::subscriber::SubscriberId;
use crate::store::db::batch::{self, SizedStatement};
use crate::store::db::transaction::WriteTx;
use crate::store::{Store, StoreError};

/// A mail that is no issue's copy: those are made by the issue itself, all at once.
#[derive(Clone, Debug)]
pub struct NewDelivery {
    pub id: DeliveryId,
    pub kind: DeliveryKind,
    pub subscriber: Option<SubscriberId>,
    pub address: EmailAddress,
    /// What the mail is made from, where the kind alone does not say it.
    pub payload: Option<String>,
}

/// Ends what was not begun. What is on a connection stays as it is, and is touched all the
/// same: on PostgreSQL this waits so for whoever writes its outcome, and sees it. `$at` is
/// the time, the rest says which copies.
macro_rules! skip {
    ($at:literal, $which:literal) => {
        concat!(
            "UPDATE deliveries SET state = CASE WHEN state = 'sending' THEN state ELSE 'skipped' END,
                due_at = CASE WHEN state = 'sending' THEN due_at END,
                lease = CASE WHEN state = 'sending' THEN lease END,
                at = CASE WHEN state = 'sending' THEN at ELSE ",
            $at,
            " END WHERE ",
            $which,
            " AND state IN ('queued', 'leased', 'deferred', 'sending')"
        )
    };
}
pub(crate) use skip;

fn insert_sql(rows: usize) -> String {
    format!(
        "WITH v (id, kind, subscriber_id, address, payload) AS (VALUES {0})
        INSERT INTO deliveries
            (id, kind, subscriber_id, address, state, due_at, attempts, lost_replies, payload, queued_at, at)
        SELECT id, kind, subscriber_id, address, 'queued', ${1}, 0, 0, payload, ${2}, ${3}
        FROM v WHERE id IS NOT NULL",
        batch::value_rows(1, rows, &["$"; 5]),
        5 * rows + 1,
        5 * rows + 2,
        5 * rows + 3
    )
}

static INSERT: SizedStatement = SizedStatement::new(insert_sql);

const DUE_AGAIN: &str = "UPDATE deliveries SET due_at = $2
    WHERE issue_id = $1 AND settled_state = 'deferred' AND due_at > $2";
const BRING_NEAR: &str = "UPDATE deliveries SET due_at = $1
    WHERE issue_id IN (SELECT id FROM issues WHERE state = 'sending')
      AND due_at > $2 AND state IN ('queued', 'deferred')";
const BRING_MAILS_NEAR: &str = "UPDATE deliveries SET due_at = $1
    WHERE issue_id IS NULL AND due_at > $2 AND state IN ('queued', 'deferred')";
// The copies by their sums; the other mails are few.
pub(crate) const REMAINING_COUNT: &str = "SELECT CAST(COALESCE((SELECT SUM(recipients) FROM issues), 0)
    - COALESCE((SELECT SUM(delivered + bounced + skipped + in_doubt) FROM issue_counts), 0)
    + (SELECT COUNT(*) FROM deliveries WHERE issue_id IS NULL AND due_at IS NOT NULL) AS BIGINT) AS n";

pub(crate) async fn insert(
    tx: &mut WriteTx,
    mails: &[NewDelivery],
    now: Timestamp,
) -> Result<(), StoreError> {
    for run in mails.chunks(batch::MOST) {
        let (sql, padding) = INSERT.for_rows(tx.backend, run.len());
        let mut query = sqlx::query(sql);
        for mail in run {
            query = query
                .bind(mail.id.to_string())
                .bind(mail.kind.as_str().to_owned())
                .bind(mail.subscriber.map(|id| id.to_string()))
                .bind(mail.address.to_string())
                .bind(mail.payload.clone());
        }
        query = batch::pad(query, 5 * padding);
        for _ in 0..3 {
            query = query.bind(now.as_millis());
        }
        query.execute(&mut **tx).await?;
    }
    Ok(())
}

impl Store {
    pub async fn enqueue(&self, mail: &NewDelivery, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        insert(&mut tx, std::slice::from_ref(mail), now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// How many mails of all kinds have not come to their end.
    pub async fn remaining_deliveries(&self) -> Result<i64, StoreError> {
        Ok(sqlx::query_scalar(REMAINING_COUNT)
            .fetch_one(&self.pool)
            .await?)
    }

    /// Makes what is put off until after `latest` fall due now: whoever wrote that had a
    /// clock that was ahead.
    pub async fn cap_due_at(&self, latest: Timestamp, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        for statement in [BRING_NEAR, BRING_MAILS_NEAR] {
            let update = sqlx::query(statement)
                .bind(now.as_millis())
                .bind(latest.as_millis());
            update.execute(&mut *tx).await?;
        }
        tx.commit().await
    }

    /// Makes what waits for a later try of this issue fall due now. Returns how many.
    pub async fn retry_deferred_now(
        &self,
        issue: &IssueId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.execute_write(DUE_AGAIN, |update| {
            update.bind(issue.to_string()).bind(now.as_millis())
        })
        .await
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[DUE_AGAIN, BRING_NEAR, BRING_MAILS_NEAR, REMAINING_COUNT];

#[cfg(test)]
pub(crate) fn statements(backend: crate::store::db::backend::Backend) -> Vec<String> {
    vec![INSERT.for_rows(backend, 8).0.to_owned()]
}
