//! Suppression of addresses that do not accept mail, and the soft bounces that lead to it.

use crate::domain::clock::Timestamp;
use crate::domain::delivery::DeliveryId;
use crate::domain::delivery::soft_bounce::SoftBounce;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::db::connect::Store;
use crate::store::db::locks::SUPPRESSION_LOCK;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::deliveries::sql::skip_sql;
use crate::store::error::StoreError;
use crate::store::subscribers::{state_log, suppression_limit};

/// Suppresses the subscriber, unless the delivery went to an address that they have since
/// replaced.
const SUPPRESS: &str = "UPDATE subscribers
    SET former_state = state, state = 'suppressed', state_at = $2, suppression_reason = $3, suppression_cause = $5
    WHERE id = $1 AND state IN ('pending', 'confirmed')
      AND address = COALESCE((SELECT address FROM deliveries WHERE id = $4), address) RETURNING former_state";
const BOUNCE_DEFERRED: &str = "UPDATE deliveries SET state = 'bounced', due_at = NULL, at = $2
    WHERE id = $1 AND state = 'deferred'";
const SKIP_ALL: &str = skip_sql!("$2", "subscriber_id = $1");
/// Restores the state before the suppression: `confirmed` only if the subscriber was
/// confirmed then, `unsubscribed` if they had left, otherwise `pending`.
const LIFT: &str =
    "UPDATE subscribers SET former_state = state, suppression_reason = NULL, suppression_cause = NULL, state_at = $2,
    state = CASE WHEN former_state = 'unsubscribed' THEN 'unsubscribed' WHEN COALESCE(former_state, CASE WHEN confirmed_at IS NOT NULL THEN 'confirmed' END) = 'confirmed'
        THEN 'confirmed' ELSE 'pending' END
    WHERE id = $1 AND state = 'suppressed' RETURNING state";

/// The conflict clause counts several attempts of one delivery once.
const INSERT_SOFT_BOUNCE: &str =
    "INSERT INTO soft_bounces (subscriber_id, kind, delivery_id, at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (subscriber_id, kind, delivery_id) DO NOTHING";
/// Deletes the soft bounces before the subscriber's last successful delivery, which shows
/// that the mailbox works.
const DELETE_DISPROVED: &str = "DELETE FROM soft_bounces WHERE subscriber_id = $1 AND EXISTS (
    SELECT 1 FROM deliveries d WHERE d.subscriber_id = $1 AND d.state = 'delivered' AND d.at >= soft_bounces.at)";
const SOFT_BOUNCE_COUNT: &str =
    "SELECT CAST(COUNT(*) AS BIGINT) AS issues, CAST(MIN(at) AS BIGINT) AS first_at
    FROM soft_bounces WHERE subscriber_id = $1 AND kind = $2";
const DELETE_SOFT_BOUNCES: &str = "DELETE FROM soft_bounces WHERE subscriber_id = $1";

/// Why a subscriber is suppressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SuppressionCause {
    /// The address is dead, or it bounced too often.
    Bounced,
    /// The recipient complained.
    Complained,
}

impl SuppressionCause {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Bounced => "bounced",
            Self::Complained => "complained",
        }
    }
}

/// A suppression to record.
pub(crate) struct Suppression<'a> {
    /// The subscriber.
    pub subscriber: &'a SubscriberId,
    /// The delivery that is the reason. Its address must still be the subscriber's; `None`
    /// suppresses whatever the address is.
    pub delivery: Option<&'a DeliveryId>,
    /// The server's reply or the words of the report.
    pub reason: &'a str,
    /// The cause, for lists.
    pub cause: SuppressionCause,
}

impl Store {
    /// Lifts a suppression and returns the restored state: never `confirmed` for who has left.
    ///
    /// Returns `None` if the subscriber is not suppressed.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if
    /// the stored state cannot be parsed.
    pub async fn lift_suppression(
        &self,
        id: &SubscriberId,
        now: Timestamp,
    ) -> Result<Option<SubscriberState>, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let restored: Option<SubscriberState> = sqlx::query_scalar(LIFT)
                .bind(id)
                .bind(now)
                .fetch_optional(&mut *tx)
                .await?;
            if restored.is_some() {
                let former = [SubscriberState::Suppressed];
                state_log::record_all(&mut tx, &former, restored, now).await?;
                suppression_limit::delete(&mut tx, id).await?;
                tx.commit().await?;
            }
            Ok(restored)
        })
        .await
    }
}

/// Suppresses a subscriber, and ends their open deliveries.
///
/// Returns false, and ends no delivery, if the subscriber has changed the address or is
/// neither pending nor confirmed.
pub(crate) async fn suppress(
    tx: &mut WriteTx,
    suppression: &Suppression<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let subscriber = suppression.subscriber;
    let former: Vec<SubscriberState> = sqlx::query_scalar(SUPPRESS)
        .bind(subscriber)
        .bind(now)
        .bind(suppression.reason)
        .bind(suppression.delivery)
        .bind(suppression.cause.as_str())
        .fetch_all(&mut **tx)
        .await?;
    if former.is_empty() {
        return Ok(false);
    }
    state_log::record_all(tx, &former, Some(SubscriberState::Suppressed), now).await?;
    if let Some(delivery) = suppression.delivery {
        let bounce = sqlx::query(BOUNCE_DEFERRED).bind(delivery).bind(now);
        bounce.execute(&mut **tx).await?;
    }
    skip_all_deliveries(tx, subscriber, now).await?;
    delete_soft_bounces(tx, subscriber).await?;
    Ok(true)
}

/// Skips the suppressed subscribers' deliveries of an issue that is frozen concurrently.
///
/// Call it after all other statements of the transaction that may wait for a lock, because a
/// freeze may wait for [`SUPPRESSION_LOCK`].
pub(crate) async fn skip_concurrent_issue(
    tx: &mut WriteTx,
    suppressed: &[SubscriberId],
    now: Timestamp,
) -> Result<(), StoreError> {
    if suppressed.is_empty() {
        return Ok(());
    }
    sqlx::query(SUPPRESSION_LOCK).execute(&mut **tx).await?;
    for subscriber in suppressed {
        skip_all_deliveries(tx, subscriber, now).await?;
    }
    Ok(())
}

/// Skips the deliveries of a subscriber that are not being sent.
pub(crate) async fn skip_all_deliveries(
    tx: &mut WriteTx,
    subscriber: &SubscriberId,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(SKIP_ALL)
        .bind(subscriber)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Records a soft bounce. Returns whether the subscriber must now be suppressed.
pub(crate) async fn record_soft_bounce(
    tx: &mut WriteTx,
    subscriber: &SubscriberId,
    bounce: SoftBounce,
    delivery: &DeliveryId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    sqlx::query(DELETE_DISPROVED)
        .bind(subscriber)
        .execute(&mut **tx)
        .await?;
    sqlx::query(INSERT_SOFT_BOUNCE)
        .bind(subscriber)
        .bind(bounce.as_str())
        .bind(delivery)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    let (issues, first_at): (i64, Timestamp) = sqlx::query_as(SOFT_BOUNCE_COUNT)
        .bind(subscriber)
        .bind(bounce.as_str())
        .fetch_one(&mut **tx)
        .await?;
    Ok(bounce.is_conclusive(issues, first_at, now))
}

/// Deletes the soft bounces of a subscriber, for example because their address changed.
pub(crate) async fn delete_soft_bounces(
    tx: &mut WriteTx,
    subscriber: &SubscriberId,
) -> Result<(), StoreError> {
    sqlx::query(DELETE_SOFT_BOUNCES)
        .bind(subscriber)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    SUPPRESS,
    BOUNCE_DEFERRED,
    SKIP_ALL,
    LIFT,
    INSERT_SOFT_BOUNCE,
    DELETE_DISPROVED,
    SOFT_BOUNCE_COUNT,
    DELETE_SOFT_BOUNCES,
];
