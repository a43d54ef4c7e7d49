//! Reports about deliveries: bounces and complaints that arrive after the SMTP session.

use crate::domain::clock::Timestamp;
use crate::domain::delivery::DeliveryId;
use crate::domain::delivery::report_effect::ReportEffect;
use crate::domain::delivery::soft_bounce::SoftBounce;
use crate::domain::ids::SubscriberId;
use crate::domain::issue::IssueNumber;
use crate::store::db::connect::Store;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::error::StoreError;
use crate::store::subscribers::suppression::{self, Suppression, SuppressionCause};

/// A report that proves its delivery.
#[derive(Clone, Debug)]
pub struct DeliveryReport {
    /// The subscriber to whom the message was sent.
    pub subscriber: SubscriberId,
    /// The delivery; `None` if only the subscriber is proven.
    pub delivery: Option<DeliveryId>,
    /// What it changes.
    pub effect: ReportEffect,
    /// The reply or sentence that gives the reason. May contain an address.
    pub reason: String,
}

/// A delivery that a report may be about.
#[derive(Clone, Debug)]
pub struct ReportedDelivery {
    /// Key of the delivery.
    pub id: DeliveryId,
    /// Number of the issue.
    pub issue: IssueNumber,
    /// The recipient.
    pub subscriber: SubscriberId,
}

const INSERT: &str = "INSERT INTO delivery_reports (delivery_id, kind, subscriber_id, at)
    SELECT id, CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT) FROM deliveries WHERE id = $1
    ON CONFLICT (delivery_id, kind) DO NOTHING";
// Also while it is being sent again: the server's reply to that attempt is then not recorded.
const BOUNCE: &str =
    "UPDATE deliveries SET state = 'bounced', due_at = NULL, lease = NULL, reply = $2, at = $3
    WHERE id = $1 AND state IN ('delivered', 'in_doubt', 'deferred', 'sending')";
const DELETE: &str = "DELETE FROM delivery_reports WHERE subscriber_id = $1";

macro_rules! select_reported {
    ($rest:literal) => {
        concat!(
            "SELECT d.id, i.number, d.subscriber_id FROM deliveries d JOIN issues i ON i.id = d.issue_id
             WHERE d.subscriber_id IS NOT NULL AND ",
            $rest
        )
    };
}

const OF_SUBSCRIBER: &str =
    select_reported!("d.subscriber_id = $1 AND d.kind = 'issue' ORDER BY i.number DESC LIMIT $2");
const OF_ISSUE: &str =
    select_reported!("d.subscriber_id = $1 AND d.kind = 'issue' AND i.number = $2");
// The id of an issue's delivery starts with the UUIDv7 of the issue.
const BEFORE: &str =
    select_reported!("(CAST($1 AS TEXT) IS NULL OR d.id < $1) ORDER BY d.id DESC LIMIT $2");

type ReportedRow = (DeliveryId, IssueNumber, SubscriberId);

fn reported((id, issue, subscriber): ReportedRow) -> ReportedDelivery {
    ReportedDelivery {
        id,
        issue,
        subscriber,
    }
}

impl Store {
    /// Returns the newest issues' deliveries to a subscriber, at most `limit`.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if a
    /// stored value cannot be parsed.
    pub async fn deliveries_to(
        &self,
        subscriber: &SubscriberId,
        limit: i64,
    ) -> Result<Vec<ReportedDelivery>, StoreError> {
        let query = sqlx::query_as(OF_SUBSCRIBER).bind(subscriber).bind(limit);
        let rows: Vec<ReportedRow> = query.fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(reported).collect())
    }

    /// Returns the delivery of the issue with this number to a subscriber.
    ///
    /// # Errors
    /// As [`deliveries_to`](Self::deliveries_to).
    pub async fn numbered_delivery_to(
        &self,
        subscriber: &SubscriberId,
        issue: IssueNumber,
    ) -> Result<Option<ReportedDelivery>, StoreError> {
        let query = sqlx::query_as(OF_ISSUE).bind(subscriber).bind(issue);
        let row: Option<ReportedRow> = query.fetch_optional(&self.pool).await?;
        Ok(row.map(reported))
    }

    /// Returns a page of the issues' deliveries, the newest issue first, before the id `before`.
    ///
    /// # Errors
    /// As [`deliveries_to`](Self::deliveries_to).
    pub async fn deliveries_before(
        &self,
        before: Option<&DeliveryId>,
        limit: i64,
    ) -> Result<Vec<ReportedDelivery>, StoreError> {
        let query = sqlx::query_as(BEFORE).bind(before).bind(limit);
        let rows: Vec<ReportedRow> = query.fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(reported).collect())
    }

    /// Applies a report in one transaction. A repeated report changes nothing.
    ///
    /// Returns whether the report was new. [`ReportEffect::OptOut`] is only recorded.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored value cannot be parsed.
    pub async fn apply_report(
        &self,
        report: &DeliveryReport,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            if let Some(delivery) = &report.delivery {
                let insert = sqlx::query(INSERT)
                    .bind(delivery)
                    .bind(report.effect.as_str())
                    .bind(report.subscriber)
                    .bind(now);
                if insert.execute(&mut *tx).await?.rows_affected() == 0 {
                    return Ok(false);
                }
                if report.effect.is_bounce() {
                    let bounce = sqlx::query(BOUNCE).bind(delivery);
                    let bounce = bounce.bind(&report.reason).bind(now);
                    bounce.execute(&mut *tx).await?;
                }
            }
            if suppress(&mut tx, report, now).await? {
                let suppressed = [report.subscriber];
                suppression::skip_concurrent_issue(&mut tx, &suppressed, now).await?;
            }
            tx.commit().await?;
            Ok(true)
        })
        .await
    }
}

/// Suppresses the subscriber if the report says so. Returns whether it did.
async fn suppress(
    tx: &mut WriteTx,
    report: &DeliveryReport,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (cause, delivery) = match (report.effect, &report.delivery) {
        (ReportEffect::Dead, delivery) => (SuppressionCause::Bounced, delivery.as_ref()),
        (ReportEffect::Full, Some(delivery)) => {
            let full = SoftBounce::MailboxFull;
            let subscriber = &report.subscriber;
            if !suppression::record_soft_bounce(tx, subscriber, full, delivery, now).await? {
                return Ok(false);
            }
            (SuppressionCause::Bounced, Some(delivery))
        }
        // Whoever complained wants no mail at a new address either.
        (ReportEffect::Complaint, _) => (SuppressionCause::Complained, None),
        _ => return Ok(false),
    };
    let suppression = Suppression {
        subscriber: &report.subscriber,
        delivery,
        reason: &report.reason,
        cause,
    };
    suppression::suppress(tx, &suppression, now).await
}

/// Deletes the reports about a subscriber who is erased.
pub(crate) async fn delete(tx: &mut WriteTx, subscriber: &SubscriberId) -> Result<(), StoreError> {
    sqlx::query(DELETE)
        .bind(subscriber)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[INSERT, BOUNCE, DELETE, OF_SUBSCRIBER, OF_ISSUE, BEFORE];
