//! Signing up: the reader, the consent record and the mail, in one transaction.

use sqlx::Row;

use super::subscriber_moves::Moves;
use super::subscribers::{BY_KEY, Subscriber, subscriber};
use super::transaction::{Writing, again};
use super::{Store, StoreError};
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

/// A form that was filled in.
pub struct SignUp<'a> {
    /// For a reader who is new.
    pub id: SubscriberId,
    pub nonce: String,
    pub address: &'a EmailAddress,
    pub name: Option<&'a SubscriberName>,
    pub consent: ConsentRecord,
    pub source: &'a str,
    pub letter: LetterIds,
}

/// For a mail about a sign-up, should one be sent.
#[derive(Clone, Debug)]
pub struct LetterIds {
    pub mailbox_mac: String,
    pub delivery: DeliveryId,
}

/// Decides on the mail that answers a sign-up.
pub type ChooseLetter = fn(Option<SubscriberState>, RecentMails) -> Option<DeliveryKind>;

/// The beginnings of the short and the long span in which mails are counted, and now.
pub type Spans = (Timestamp, Timestamp, Timestamp);

/// Sign-up mails that a mailbox was sent lately.
#[derive(Clone, Copy, Debug)]
pub struct RecentMails {
    pub in_short: i64,
    pub in_day: i64,
}

const INSERT_PENDING: &str = "INSERT INTO subscribers
    (id, address, address_key, name, state, state_at, source, created_at, nonce, asked_at, asked_ip, form_version)
    VALUES ($1, $2, $3, $4, 'pending', $5, $6, $5, $7, $5, $8, $9)";
// A confirmed reader's record is not for strangers to touch; whoever left or never
// confirmed has just asked anew.
const ASKED_AGAIN: &str = "UPDATE subscribers SET asked_at = $2, asked_ip = $3, form_version = $4
    WHERE id = $1 AND state <> 'confirmed'";
const STILL_WAITS: &str = "SELECT id FROM subscribers WHERE id = $1 AND state = 'pending'";
const RECENT_MAILS: &str = "SELECT
    CAST(COALESCE(SUM(CASE WHEN sent_at > $2 THEN 1 ELSE 0 END), 0) AS BIGINT) AS in_short,
    CAST(COUNT(*) AS BIGINT) AS in_day
    FROM sign_up_mails WHERE mailbox_mac = $1 AND sent_at > $3";
const NOTE_MAIL: &str = "INSERT INTO sign_up_mails (id, mailbox_mac, sent_at) VALUES ($1, $2, $3)";
const FORGET_MAILS: &str = "DELETE FROM sign_up_mails WHERE sent_at <= $1";

impl Store {
    /// Takes a sign-up in and queues the mail that `choose` decides on, all or nothing.
    pub async fn sign_up(
        &self,
        request: &SignUp<'_>,
        spans: Spans,
        choose: ChooseLetter,
    ) -> Result<Option<DeliveryKind>, StoreError> {
        again(|| async {
            let mut tx = self.begin_write().await?;
            let row = sqlx::query(BY_KEY)
                .bind(request.address.key())
                .fetch_optional(&mut *tx)
                .await?;
            let known = row.as_ref().map(subscriber).transpose()?;
            let id = known.as_ref().map_or(request.id, |known| known.id);
            take_in(&mut tx, request, known.as_ref(), spans.2).await?;
            let recent = recent(&mut tx, &request.letter.mailbox_mac, spans.0, spans.1).await?;
            let kind = choose(known.map(|known| known.state), recent);
            if let Some(kind) = kind {
                let address = request.address.clone();
                queue(&mut tx, kind, (id, address), &request.letter, spans.2).await?;
            }
            tx.commit().await?;
            Ok(kind)
        })
        .await
    }

    /// Queues the mail that `choose` decides on for each who still waits for confirmation.
    /// Gives how many.
    pub async fn ask_again(
        &self,
        readers: &[(Subscriber, LetterIds)],
        spans: Spans,
        choose: ChooseLetter,
    ) -> Result<u64, StoreError> {
        again(|| async {
            let mut tx = self.begin_write().await?;
            let mut asked = 0;
            for (reader, letter) in readers {
                let waits = sqlx::query(STILL_WAITS).bind(reader.id.to_string());
                if waits.fetch_optional(&mut *tx).await?.is_none() {
                    continue;
                }
                let recent = recent(&mut tx, &letter.mailbox_mac, spans.0, spans.1).await?;
                if let Some(kind) = choose(Some(SubscriberState::Pending), recent) {
                    let to = (reader.id, reader.address.clone());
                    queue(&mut tx, kind, to, letter, spans.2).await?;
                    asked += 1;
                }
            }
            tx.commit().await?;
            Ok(asked)
        })
        .await
    }

    pub async fn forget_sign_up_mails(&self, before: Timestamp) -> Result<(), StoreError> {
        sqlx::query(FORGET_MAILS)
            .bind(before.as_millis())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

pub(super) async fn recent(
    tx: &mut Writing,
    mailbox_mac: &str,
    short: Timestamp,
    day: Timestamp,
) -> Result<RecentMails, StoreError> {
    let row = sqlx::query(RECENT_MAILS)
        .bind(mailbox_mac.to_owned())
        .bind(short.as_millis())
        .bind(day.as_millis())
        .fetch_one(&mut **tx)
        .await?;
    Ok(RecentMails {
        in_short: row.try_get("in_short")?,
        in_day: row.try_get("in_day")?,
    })
}

pub(super) async fn note(
    tx: &mut Writing,
    id: String,
    mailbox_mac: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(NOTE_MAIL)
        .bind(id)
        .bind(mailbox_mac.to_owned())
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

async fn queue(
    tx: &mut Writing,
    kind: DeliveryKind,
    (subscriber, address): (SubscriberId, EmailAddress),
    letter: &LetterIds,
    now: Timestamp,
) -> Result<(), StoreError> {
    note(tx, letter.delivery.to_string(), &letter.mailbox_mac, now).await?;
    let mail = super::NewDelivery {
        id: letter.delivery.clone(),
        kind,
        subscriber: Some(subscriber),
        address,
        payload: None,
    };
    super::deliveries::insert(tx, &mail, now).await
}

async fn take_in(
    tx: &mut Writing,
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
    if known.is_none() {
        let moves = Moves::one(None, Some(SubscriberState::Pending));
        moves.write(tx, now).await?;
    }
    Ok(())
}

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    INSERT_PENDING,
    ASKED_AGAIN,
    STILL_WAITS,
    RECENT_MAILS,
    NOTE_MAIL,
    FORGET_MAILS,
];
