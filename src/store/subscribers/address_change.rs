//! What readers ask for themselves: mails about their subscription, another address.

use std::slice;

use sqlx::AssertSqlSafe;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::DeliveryId;
use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::SubscriberState;
use crate::store::db::batch;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::deliveries::insert;
use crate::store::issues::freeze::RECIPIENTS_LOCK;
use crate::store::subscribers::signup::RateWindows;
use crate::store::subscribers::signup_rows::{note, recent};
use crate::store::subscribers::soft_bounces;
use crate::store::subscribers::state_log::StateChanges;
use crate::store::subscribers::{BY_KEY, CLEAR_ERASED, SKIP_ALL, Subscriber, skip, subscriber};
use crate::store::{NewDelivery, Store, StoreError};

/// A count that a mail falls under: who or what is counted, as an HMAC, and how many
/// mails are too many.
#[derive(Clone, Debug)]
pub struct RateLimitKey {
    pub mac: String,
    pub max_short_term: i64,
    pub max_per_day: i64,
}

/// Another address for a reader, who has proven it.
#[derive(Clone, Debug)]
pub struct AddressChange<'a> {
    pub new_address: &'a EmailAddress,
    pub ip: Option<String>,
    /// Makes every link void that was mailed to the address of before.
    pub nonce: String,
    /// Of the new address: whoever was erased under it is welcome back.
    pub address_macs: Vec<String>,
    /// What tells the address of before.
    pub notice: NewDelivery,
}

const MOVE: &str = "UPDATE subscribers
    SET address = $3, address_key = $4, nonce = $5, confirmed_at = $6, confirmed_ip = $7
    WHERE id = $1 AND nonce = $2 AND state = 'confirmed'";
// What waits for a connection cannot be begun any more with the address of before, and is
// given back. What is on one stays as it is, and is touched all the same: on PostgreSQL this
// waits so for whoever writes its outcome, and sees it.
const REDIRECT: &str = "UPDATE deliveries SET address = CASE WHEN state = 'sending' THEN address ELSE $2 END
    WHERE subscriber_id = $1 AND kind = 'issue' AND state IN ('queued', 'leased', 'deferred', 'sending')";

/// Sends what is tried again to where its reader is now: they may have moved while it was on
/// a connection. `$at` is the time, the rest says which copies.
macro_rules! follow_reader {
    ($at:literal, $which:literal) => {
        concat!(
            "UPDATE deliveries SET at = ",
            $at,
            ", address = (SELECT s.address FROM subscribers s WHERE s.id = deliveries.subscriber_id)
            WHERE ",
            $which,
            " AND state IN ('queued', 'deferred') AND kind = 'issue' AND id = issue_id || ':' || subscriber_id
              AND EXISTS (SELECT 1 FROM subscribers s
                WHERE s.id = deliveries.subscriber_id AND s.address <> deliveries.address)"
        )
    };
}
pub(crate) use follow_reader;

fn follow_reader_sql(count: usize) -> String {
    format!(
        follow_reader!("$1", "id IN ({})"),
        batch::placeholders(2, count)
    )
}

const HAND_OVER: &str = "UPDATE deliveries SET subscriber_id = $2 WHERE subscriber_id = $1";
const GIVE_WAY: &str =
    "DELETE FROM subscribers WHERE id = $1 AND state <> 'confirmed' RETURNING state";

impl Store {
    /// Queues a mail unless one of its counts is full. False when there is no mail.
    pub async fn enqueue_rate_limited(
        &self,
        mail: &NewDelivery,
        counts: &[RateLimitKey],
        spans: RateWindows,
    ) -> Result<bool, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            for (index, count) in counts.iter().enumerate() {
                let seen = recent(&mut tx, &[&count.mac], spans).await?;
                let seen = seen.get(&count.mac).copied().unwrap_or_default();
                if seen.in_short >= count.max_short_term || seen.in_day >= count.max_per_day {
                    return Ok(false);
                }
                let counted = (format!("{}:{index}", mail.id), count.mac.as_str());
                note(&mut tx, &[counted], spans.2).await?;
            }
            insert(&mut tx, slice::from_ref(mail), spans.2).await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
    }

    /// Gives a reader another address. Whoever had it and does not read gives way, as one
    /// who signs up anew. False when somebody reads under it, or the reader has changed
    /// meanwhile.
    pub async fn change_address(
        &self,
        reader: &Subscriber,
        step: &AddressChange<'_>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            sqlx::query(RECIPIENTS_LOCK).execute(&mut *tx).await?;
            if !release_address(&mut tx, reader, step.new_address, now).await? {
                return Ok(false);
            }
            let moved = sqlx::query(MOVE)
                .bind(reader.id.to_string())
                .bind(reader.nonce.clone())
                .bind(step.new_address.to_string())
                .bind(step.new_address.key())
                .bind(step.nonce.clone())
                .bind(now.as_millis())
                .bind(step.ip.clone())
                .execute(&mut *tx)
                .await?;
            if moved.rows_affected() == 0 {
                return Ok(false);
            }
            sqlx::query(REDIRECT)
                .bind(reader.id.to_string())
                .bind(step.new_address.to_string())
                .execute(&mut *tx)
                .await?;
            // What was said of the mailbox of before.
            soft_bounces::forget(&mut tx, &reader.id).await?;
            for mac in &step.address_macs {
                sqlx::query(CLEAR_ERASED)
                    .bind(mac.clone())
                    .execute(&mut *tx)
                    .await?;
            }
            insert(&mut tx, slice::from_ref(&step.notice), now).await?;
            tx.commit().await?;
            Ok(true)
        })
        .await
    }
}

/// Sends these, where they are tried again, to where their readers are now.
pub(crate) async fn update_pending_addresses(
    tx: &mut WriteTx,
    copies: &[&DeliveryId],
    now: Timestamp,
) -> Result<(), StoreError> {
    for run in batch::chunks(copies) {
        let follow = sqlx::query(AssertSqlSafe(follow_reader_sql(run.len()))).bind(now.as_millis());
        run.iter()
            .fold(follow, |query, id| query.bind(id.to_string()))
            .execute(&mut **tx)
            .await?;
    }
    Ok(())
}

/// False when somebody reads under the address.
async fn release_address(
    tx: &mut WriteTx,
    reader: &Subscriber,
    address: &EmailAddress,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let row = sqlx::query(BY_KEY)
        .bind(address.key())
        .fetch_optional(&mut **tx)
        .await?;
    let holder = row.as_ref().map(subscriber).transpose()?;
    let Some(holder) = holder.filter(|holder| holder.id != reader.id) else {
        return Ok(true);
    };
    if holder.state == SubscriberState::Confirmed {
        return Ok(false);
    }
    skip(tx, SKIP_ALL, &holder.id, now).await?;
    soft_bounces::forget(tx, &holder.id).await?;
    sqlx::query(HAND_OVER)
        .bind(holder.id.to_string())
        .bind(reader.id.to_string())
        .execute(&mut **tx)
        .await?;
    let gone = sqlx::query_scalar(GIVE_WAY)
        .bind(holder.id.to_string())
        .fetch_all(&mut **tx)
        .await?;
    let has_gone = !gone.is_empty();
    let mut moves = StateChanges::default();
    moves.add_all(gone, None)?;
    moves.write(tx, now).await?;
    Ok(has_gone)
}

#[cfg(test)]
pub(crate) fn statements() -> Vec<String> {
    let fixed = [MOVE, REDIRECT, HAND_OVER, GIVE_WAY].map(str::to_owned);
    fixed.into_iter().chain([follow_reader_sql(10)]).collect()
}
