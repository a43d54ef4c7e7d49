//! Readers, one at a time: signing up, confirming, leaving, pausing, erasing.

use sqlx::any::AnyRow;
use sqlx::{Any, Row, Transaction};

use super::transaction::again;
use super::{Store, StoreError, decode};
use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryKind};
use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::{SubscriberId, SubscriberName, SubscriberState};

/// What proves that a reader asked for it.
#[derive(Clone, Debug, Default)]
pub struct ConsentRecord {
    pub ip: Option<String>,
    /// Names the words of the form that was filled in.
    pub form_version: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Subscriber {
    pub id: SubscriberId,
    pub address: EmailAddress,
    pub name: Option<String>,
    pub state: SubscriberState,
    /// See `SecretKeys::confirmation_token`.
    pub nonce: String,
    pub paused_until: Option<Timestamp>,
    pub source: String,
    pub created_at: Timestamp,
    pub confirmed_at: Option<Timestamp>,
}

/// A form that was filled in.
pub struct SignUp<'a> {
    /// For a reader who is new.
    pub id: SubscriberId,
    pub nonce: String,
    pub address: &'a EmailAddress,
    pub name: Option<&'a SubscriberName>,
    pub consent: ConsentRecord,
    pub source: &'a str,
    pub mailbox_mac: String,
    pub delivery: DeliveryId,
}

/// Sign-up mails that a mailbox was sent lately.
#[derive(Clone, Copy, Debug)]
pub struct RecentMails {
    pub in_short: i64,
    pub in_day: i64,
}

const COLUMNS: &str = "SELECT id, address, name, state, nonce, paused_until, source, created_at, confirmed_at FROM subscribers WHERE id = $1";
const BY_KEY: &str = "SELECT id, address, name, state, nonce, paused_until, source, created_at, confirmed_at FROM subscribers WHERE address_key = $1";
const INSERT_PENDING: &str = "INSERT INTO subscribers
    (id, address, address_key, name, state, state_at, source, created_at, nonce, asked_at, asked_ip, form_version)
    VALUES ($1, $2, $3, $4, 'pending', $5, $6, $5, $7, $5, $8, $9)";
// A confirmed reader's record is not for strangers to touch; whoever left or never
// confirmed has just asked anew.
const ASKED_AGAIN: &str = "UPDATE subscribers SET asked_at = $2, asked_ip = $3, form_version = $4
    WHERE id = $1 AND state <> 'confirmed'";
const RECENT_MAILS: &str = "SELECT
    CAST(COALESCE(SUM(CASE WHEN sent_at > $2 THEN 1 ELSE 0 END), 0) AS BIGINT) AS in_short,
    CAST(COUNT(*) AS BIGINT) AS in_day
    FROM sign_up_mails WHERE mailbox_mac = $1 AND sent_at > $3";
const NOTE_MAIL: &str = "INSERT INTO sign_up_mails (id, mailbox_mac, sent_at) VALUES ($1, $2, $3)";
const FORGET_MAILS: &str = "DELETE FROM sign_up_mails WHERE sent_at <= $1";
const CONFIRM: &str = "UPDATE subscribers SET state = 'confirmed', state_at = $3, confirmed_at = $3, confirmed_ip = $4,
    suppressed_why = NULL, paused_until = NULL
    WHERE id = $1 AND nonce = $2 AND state <> 'confirmed'";
const UNSUBSCRIBE: &str =
    "UPDATE subscribers SET state = 'unsubscribed', state_at = $2, nonce = $3, paused_until = NULL
    WHERE id = $1 AND state IN ('pending', 'confirmed')";
const RETURN: &str = "UPDATE subscribers SET state = 'confirmed', state_at = $2
    WHERE id = $1 AND state = 'unsubscribed' AND confirmed_at IS NOT NULL";
const PAUSE: &str =
    "UPDATE subscribers SET paused_until = $2 WHERE id = $1 AND state = 'confirmed'";
const SKIP_ISSUES: &str =
    "UPDATE deliveries SET state = 'skipped', due_at = NULL, lease = NULL, at = $2
    WHERE subscriber_id = $1 AND kind = 'issue' AND state IN ('queued', 'leased', 'deferred')";
const SKIP_ALL: &str =
    "UPDATE deliveries SET state = 'skipped', due_at = NULL, lease = NULL, at = $2
    WHERE subscriber_id = $1 AND state IN ('queued', 'leased', 'deferred')";
const CUT_TIES: &str = "UPDATE deliveries SET address = NULL, subscriber_id = NULL, payload = NULL WHERE subscriber_id = $1";
const NOTE_ERASED: &str = "INSERT INTO erased (address_mac, erased_at) VALUES ($1, $2) ON CONFLICT (address_mac) DO NOTHING";
const WELCOME_BACK: &str = "DELETE FROM erased WHERE address_mac = $1";
const DELETE: &str = "DELETE FROM subscribers WHERE id = $1";
const PURGE_PENDING: &str =
    "DELETE FROM subscribers WHERE state = 'pending' AND COALESCE(asked_at, created_at) <= $1";

impl Store {
    pub async fn subscriber(&self, id: &SubscriberId) -> Result<Option<Subscriber>, StoreError> {
        let row = sqlx::query(COLUMNS)
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(subscriber).transpose()
    }

    pub async fn subscriber_by_address(
        &self,
        address: &EmailAddress,
    ) -> Result<Option<Subscriber>, StoreError> {
        let row = sqlx::query(BY_KEY)
            .bind(address.key())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(subscriber).transpose()
    }

    /// Takes a sign-up in and queues the mail that `letter` decides on, all or nothing.
    /// `short` and `day` are the beginnings of the spans in which mails are counted.
    pub async fn sign_up(
        &self,
        request: &SignUp<'_>,
        (short, day, now): (Timestamp, Timestamp, Timestamp),
        letter: fn(Option<SubscriberState>, RecentMails) -> Option<DeliveryKind>,
    ) -> Result<Option<DeliveryKind>, StoreError> {
        again(|| async {
            let mut tx = self.begin_write().await?;
            let row = sqlx::query(BY_KEY)
                .bind(request.address.key())
                .fetch_optional(&mut *tx)
                .await?;
            let known = row.as_ref().map(subscriber).transpose()?;
            let id = known.as_ref().map_or(request.id, |known| known.id);
            take_in(&mut tx, request, known.as_ref(), now).await?;

            let row = sqlx::query(RECENT_MAILS)
                .bind(request.mailbox_mac.clone())
                .bind(short.as_millis())
                .bind(day.as_millis())
                .fetch_one(&mut *tx)
                .await?;
            let recent = RecentMails {
                in_short: row.try_get("in_short")?,
                in_day: row.try_get("in_day")?,
            };
            let kind = letter(known.map(|known| known.state), recent);
            if let Some(kind) = kind {
                sqlx::query(NOTE_MAIL)
                    .bind(request.delivery.to_string())
                    .bind(request.mailbox_mac.clone())
                    .bind(now.as_millis())
                    .execute(&mut *tx)
                    .await?;
                let mail = super::NewDelivery {
                    id: request.delivery.clone(),
                    kind,
                    subscriber: Some(id),
                    address: request.address.clone(),
                    payload: None,
                };
                super::deliveries::insert(&mut tx, &mail, now).await?;
            }
            tx.commit().await?;
            Ok(kind)
        })
        .await
    }

    /// Confirms a reader whose link was proven. False when there was nothing to change.
    pub async fn confirm(
        &self,
        subscriber: &Subscriber,
        ip: Option<&str>,
        address_macs: &[String],
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        again(|| async {
            let mut tx = self.begin_write().await?;
            let done = sqlx::query(CONFIRM)
                .bind(subscriber.id.to_string())
                .bind(subscriber.nonce.clone())
                .bind(now.as_millis())
                .bind(ip.map(str::to_owned))
                .execute(&mut *tx)
                .await?;
            for mac in address_macs {
                sqlx::query(WELCOME_BACK)
                    .bind(mac.clone())
                    .execute(&mut *tx)
                    .await?;
            }
            tx.commit().await?;
            Ok(done.rows_affected() > 0)
        })
        .await
    }

    /// Ends a subscription, and with it every copy that was not begun. The new nonce
    /// makes older confirmation links void: nobody is brought back by one.
    pub async fn unsubscribe(
        &self,
        id: &SubscriberId,
        nonce: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        again(|| async {
            let mut tx = self.begin_write().await?;
            let done = sqlx::query(UNSUBSCRIBE)
                .bind(id.to_string())
                .bind(now.as_millis())
                .bind(nonce.to_owned())
                .execute(&mut *tx)
                .await?;
            skip(&mut tx, SKIP_ALL, id, now).await?;
            tx.commit().await?;
            Ok(done.rows_affected() > 0)
        })
        .await
    }

    /// Takes an unsubscribing back, for one who had been confirmed.
    pub async fn return_to_list(
        &self,
        id: &SubscriberId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query(RETURN)
            .bind(id.to_string())
            .bind(now.as_millis())
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Leaves a reader out until then; `None` ends the pause.
    pub async fn pause(
        &self,
        id: &SubscriberId,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        again(|| async {
            let mut tx = self.begin_write().await?;
            let done = sqlx::query(PAUSE)
                .bind(id.to_string())
                .bind(until.map(Timestamp::as_millis))
                .execute(&mut *tx)
                .await?;
            if until.is_some() {
                skip(&mut tx, SKIP_ISSUES, id, now).await?;
            }
            tx.commit().await?;
            Ok(done.rows_affected() > 0)
        })
        .await
    }

    /// Removes a reader. Their deliveries stay, without address or name, so that every
    /// issue's sums stay true. `address_mac` keeps them out of later imports.
    pub async fn erase(
        &self,
        id: &SubscriberId,
        address_mac: &str,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        again(|| async {
            let mut tx = self.begin_write().await?;
            skip(&mut tx, SKIP_ALL, id, now).await?;
            sqlx::query(CUT_TIES)
                .bind(id.to_string())
                .execute(&mut *tx)
                .await?;
            sqlx::query(NOTE_ERASED)
                .bind(address_mac.to_owned())
                .bind(now.as_millis())
                .execute(&mut *tx)
                .await?;
            sqlx::query(DELETE)
                .bind(id.to_string())
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(())
        })
        .await
    }

    /// Forgets sign-ups that nobody confirmed since `before`. Returns how many.
    pub async fn purge_pending(&self, before: Timestamp) -> Result<u64, StoreError> {
        Ok(sqlx::query(PURGE_PENDING)
            .bind(before.as_millis())
            .execute(&self.pool)
            .await?
            .rows_affected())
    }

    pub async fn forget_sign_up_mails(&self, before: Timestamp) -> Result<(), StoreError> {
        sqlx::query(FORGET_MAILS)
            .bind(before.as_millis())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

async fn take_in(
    tx: &mut Transaction<'static, Any>,
    request: &SignUp<'_>,
    known: Option<&Subscriber>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let statement = match known {
        None => sqlx::query(INSERT_PENDING)
            .bind(request.id.to_string())
            .bind(request.address.to_string())
            .bind(request.address.key())
            .bind(request.name.map(|name| name.as_str().to_owned()))
            .bind(now.as_millis())
            .bind(request.source.to_owned())
            .bind(request.nonce.clone()),
        Some(known) => sqlx::query(ASKED_AGAIN)
            .bind(known.id.to_string())
            .bind(now.as_millis()),
    };
    statement
        .bind(request.consent.ip.clone())
        .bind(request.consent.form_version.clone())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn skip(
    tx: &mut Transaction<'static, Any>,
    statement: &'static str,
    id: &SubscriberId,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(statement)
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

fn subscriber(row: &AnyRow) -> Result<Subscriber, StoreError> {
    Ok(Subscriber {
        id: decode("subscriber id", row.try_get("id")?, SubscriberId::parse)?,
        address: decode("address", row.try_get("address")?, EmailAddress::parse)?,
        name: row.try_get("name")?,
        state: decode(
            "subscriber state",
            row.try_get("state")?,
            SubscriberState::parse,
        )?,
        nonce: row.try_get("nonce")?,
        paused_until: row
            .try_get::<Option<i64>, _>("paused_until")?
            .map(Timestamp::from_millis),
        source: row.try_get("source")?,
        created_at: Timestamp::from_millis(row.try_get("created_at")?),
        confirmed_at: row
            .try_get::<Option<i64>, _>("confirmed_at")?
            .map(Timestamp::from_millis),
    })
}

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    COLUMNS,
    BY_KEY,
    INSERT_PENDING,
    ASKED_AGAIN,
    RECENT_MAILS,
    NOTE_MAIL,
    FORGET_MAILS,
    CONFIRM,
    UNSUBSCRIBE,
    RETURN,
    PAUSE,
    SKIP_ISSUES,
    SKIP_ALL,
    CUT_TIES,
    NOTE_ERASED,
    WELCOME_BACK,
    DELETE,
    PURGE_PENDING,
];
