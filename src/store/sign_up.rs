//! Signing up: the reader, the consent record and the mail, in one transaction. Those who
//! sign up at the same moment share it: what a commit costs hardly depends on how many are
//! in it.

use std::collections::HashMap;

use sqlx::Row;

use super::batch::{self, Padded};
use super::subscriber_moves::Moves;
use super::subscribers::{Subscriber, subscriber};
use super::transaction::{Writing, again};
use super::{NewDelivery, Store, StoreError, deliveries};
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
#[derive(Clone, Debug)]
pub struct SignUp {
    /// For a reader who is new.
    pub id: SubscriberId,
    pub nonce: String,
    pub address: EmailAddress,
    pub name: Option<SubscriberName>,
    pub consent: ConsentRecord,
    pub source: &'static str,
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
#[derive(Clone, Copy, Debug, Default)]
pub struct RecentMails {
    pub in_short: i64,
    pub in_day: i64,
}

fn known_sql(count: usize) -> String {
    format!(
        "SELECT id, address, name, state, nonce, paused_until, source, created_at, confirmed_at
        FROM subscribers WHERE address_key IN ({})",
        batch::list(1, count)
    )
}

fn insert_pending_sql(rows: usize) -> String {
    let now = 8 * rows;
    format!(
        "WITH v (id, address, address_key, name, source, nonce, asked_ip, form_version) AS (VALUES {})
        INSERT INTO subscribers
            (id, address, address_key, name, state, state_at, source, created_at, nonce, asked_at, asked_ip, form_version)
        SELECT id, address, address_key, name, 'pending', ${}, source, ${}, nonce, ${}, asked_ip, form_version
        FROM v WHERE id IS NOT NULL",
        batch::values(1, rows, &["$"; 8]),
        now + 1,
        now + 2,
        now + 3
    )
}

fn recent_sql(count: usize) -> String {
    format!(
        "SELECT mailbox_mac, CAST(SUM(CASE WHEN sent_at > $1 THEN 1 ELSE 0 END) AS BIGINT) AS in_short,
            CAST(COUNT(*) AS BIGINT) AS in_day
        FROM sign_up_mails WHERE sent_at > $2 AND mailbox_mac IN ({}) GROUP BY mailbox_mac",
        batch::list(3, count)
    )
}

fn note_sql(rows: usize) -> String {
    format!(
        "WITH v (id, mailbox_mac) AS (VALUES {})
        INSERT INTO sign_up_mails (id, mailbox_mac, sent_at) SELECT id, mailbox_mac, ${} FROM v WHERE id IS NOT NULL",
        batch::values(1, rows, &["$", "$"]),
        2 * rows + 1
    )
}

static KNOWN: Padded = Padded::new(known_sql);
static INSERT_PENDING: Padded = Padded::new(insert_pending_sql);
static RECENT: Padded = Padded::new(recent_sql);
static NOTE: Padded = Padded::new(note_sql);

// A confirmed reader's record is not for strangers to touch; whoever left or never
// confirmed has just asked anew.
const ASKED_AGAIN: &str = "UPDATE subscribers SET asked_at = $2, asked_ip = $3, form_version = $4
    WHERE id = $1 AND state <> 'confirmed'";
const STILL_WAITS: &str = "SELECT id FROM subscribers WHERE id = $1 AND state = 'pending'";
const FORGET_MAILS: &str = "DELETE FROM sign_up_mails WHERE sent_at <= $1";

impl Store {
    /// Takes sign-ups in, no two of one mailbox, and queues for each the mail that `choose`
    /// decides on, all or nothing. Tells which.
    pub(super) async fn sign_up_all(
        &self,
        requests: &[SignUp],
        spans: Spans,
        choose: ChooseLetter,
    ) -> Result<Vec<Option<DeliveryKind>>, StoreError> {
        again(|| async {
            let mut tx = self.begin_write().await?;
            let known = known(&mut tx, requests).await?;
            take_in(&mut tx, requests, &known, spans.2).await?;
            let letters: Vec<&LetterIds> = requests.iter().map(|it| &it.letter).collect();
            let recent = recent_of(&mut tx, &letters, spans).await?;
            let kinds = requests.iter().map(|request| {
                let state = known.get(&request.address.key()).map(|known| known.state);
                let recent = recent.get(&request.letter.mailbox_mac).copied();
                choose(state, recent.unwrap_or_default())
            });
            let kinds: Vec<_> = kinds.collect();
            let letters = requests.iter().zip(&kinds).filter_map(|(request, kind)| {
                let known = known.get(&request.address.key());
                let reader = known.map_or(request.id, |known| known.id);
                Some((
                    request.letter.to((*kind)?, reader, &request.address),
                    &request.letter,
                ))
            });
            queue(&mut tx, letters.collect(), spans.2).await?;
            tx.commit().await?;
            Ok(kinds)
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
                let recent = recent_of(&mut tx, &[letter], spans).await?;
                let recent = recent.get(&letter.mailbox_mac).copied();
                if let Some(kind) =
                    choose(Some(SubscriberState::Pending), recent.unwrap_or_default())
                {
                    let mail = letter.to(kind, reader.id, &reader.address);
                    queue(&mut tx, vec![(mail, letter)], spans.2).await?;
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

impl LetterIds {
    fn to(&self, kind: DeliveryKind, reader: SubscriberId, address: &EmailAddress) -> NewDelivery {
        NewDelivery {
            id: self.delivery.clone(),
            kind,
            subscriber: Some(reader),
            address: address.clone(),
            payload: None,
        }
    }
}

/// Those of them who are there already, by the keys of their addresses.
async fn known(
    tx: &mut Writing,
    requests: &[SignUp],
) -> Result<HashMap<String, Subscriber>, StoreError> {
    let (sql, padding) = KNOWN.for_rows(tx.backend, requests.len());
    let mut query = sqlx::query(sql);
    for request in requests {
        query = query.bind(request.address.key());
    }
    for _ in 0..padding {
        query = query.bind(None::<String>);
    }
    let rows = query.fetch_all(&mut **tx).await?;
    rows.iter()
        .map(|row| subscriber(row).map(|known| (known.address.key(), known)))
        .collect()
}

async fn take_in(
    tx: &mut Writing,
    requests: &[SignUp],
    known: &HashMap<String, Subscriber>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut new = Vec::new();
    for request in requests {
        let Some(known) = known.get(&request.address.key()) else {
            new.push(request);
            continue;
        };
        sqlx::query(ASKED_AGAIN)
            .bind(known.id.to_string())
            .bind(now.as_millis())
            .bind(request.consent.ip.clone())
            .bind(request.consent.form_version.clone())
            .execute(&mut **tx)
            .await?;
    }
    if new.is_empty() {
        return Ok(());
    }
    let (sql, padding) = INSERT_PENDING.for_rows(tx.backend, new.len());
    let mut query = sqlx::query(sql);
    for request in &new {
        query = query
            .bind(request.id.to_string())
            .bind(request.address.to_string())
            .bind(request.address.key())
            .bind(request.name.as_ref().map(|name| name.as_str().to_owned()))
            .bind(request.source)
            .bind(request.nonce.clone())
            .bind(request.consent.ip.clone())
            .bind(request.consent.form_version.clone());
    }
    for _ in 0..8 * padding {
        query = query.bind(None::<String>);
    }
    for _ in 0..3 {
        query = query.bind(now.as_millis());
    }
    query.execute(&mut **tx).await?;
    let mut moves = Moves::default();
    moves.add(None, Some(SubscriberState::Pending), new.len() as u64);
    moves.write(tx, now).await
}

async fn recent_of(
    tx: &mut Writing,
    letters: &[&LetterIds],
    (short, day, _): Spans,
) -> Result<HashMap<String, RecentMails>, StoreError> {
    let macs: Vec<&str> = letters.iter().map(|it| it.mailbox_mac.as_str()).collect();
    recent(tx, &macs, short, day).await
}

/// The mails of late by the mailbox's HMAC; who had none is left out.
pub(super) async fn recent(
    tx: &mut Writing,
    mailbox_macs: &[&str],
    short: Timestamp,
    day: Timestamp,
) -> Result<HashMap<String, RecentMails>, StoreError> {
    let (sql, padding) = RECENT.for_rows(tx.backend, mailbox_macs.len());
    let mut query = sqlx::query(sql)
        .bind(short.as_millis())
        .bind(day.as_millis());
    for mac in mailbox_macs {
        query = query.bind((*mac).to_owned());
    }
    for _ in 0..padding {
        query = query.bind(None::<String>);
    }
    let mut recent = HashMap::new();
    for row in query.fetch_all(&mut **tx).await? {
        let mails = RecentMails {
            in_short: row.try_get("in_short")?,
            in_day: row.try_get("in_day")?,
        };
        recent.insert(row.try_get("mailbox_mac")?, mails);
    }
    Ok(recent)
}

/// Counts mails, each by its id, under the HMACs of their mailboxes.
pub(super) async fn note(
    tx: &mut Writing,
    mails: &[(&str, &str)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let (sql, padding) = NOTE.for_rows(tx.backend, mails.len());
    let mut query = sqlx::query(sql);
    for (id, mac) in mails {
        query = query.bind((*id).to_owned()).bind((*mac).to_owned());
    }
    for _ in 0..2 * padding {
        query = query.bind(None::<String>);
    }
    query.bind(now.as_millis()).execute(&mut **tx).await?;
    Ok(())
}

async fn queue(
    tx: &mut Writing,
    letters: Vec<(NewDelivery, &LetterIds)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if letters.is_empty() {
        return Ok(());
    }
    let (mails, ids): (Vec<NewDelivery>, Vec<&LetterIds>) = letters.into_iter().unzip();
    let counted: Vec<(String, &str)> = ids
        .iter()
        .map(|it| (it.delivery.to_string(), it.mailbox_mac.as_str()))
        .collect();
    let counted: Vec<(&str, &str)> = counted.iter().map(|(id, mac)| (&**id, *mac)).collect();
    note(tx, &counted, now).await?;
    deliveries::insert(tx, &mails, now).await
}

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[ASKED_AGAIN, STILL_WAITS, FORGET_MAILS];

#[cfg(test)]
pub(super) fn statements(backend: super::connect::Backend) -> Vec<String> {
    [&KNOWN, &INSERT_PENDING, &RECENT, &NOTE]
        .map(|statement| statement.for_rows(backend, 8).0.to_owned())
        .into()
}
