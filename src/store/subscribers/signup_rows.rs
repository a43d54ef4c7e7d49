//! The rows that sign-ups read and write, many at once.

use std::collections::HashMap;

use sqlx::Row;

use crate::domain::clock::Timestamp;
use crate::domain::subscriber::SubscriberState;
use crate::store::db::batch::{self, SizedStatement};
use crate::store::db::transaction::WriteTx;
use crate::store::deliveries;
use crate::store::subscribers::signup::{RateWindows, RecentMails, SignUp};
use crate::store::subscribers::state_log::StateChanges;
use crate::store::subscribers::{Subscriber, subscriber, subscriber_rows};
use crate::store::{NewDelivery, StoreError};

fn known_sql(count: usize) -> String {
    format!(
        subscriber_rows!("address_key IN ({})"),
        batch::placeholders(1, count)
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
        batch::value_rows(1, rows, &["$"; 8]),
        now + 1,
        now + 2,
        now + 3
    )
}

fn recent_sql(count: usize) -> String {
    format!(
        "SELECT mailbox_mac, CAST(SUM(CASE WHEN sent_at > $1 THEN 1 ELSE 0 END) AS BIGINT) AS in_short,
            CAST(COUNT(*) AS BIGINT) AS in_day
        FROM signup_mails WHERE sent_at > $2 AND mailbox_mac IN ({}) GROUP BY mailbox_mac",
        batch::placeholders(3, count)
    )
}

fn note_sql(rows: usize) -> String {
    format!(
        "WITH v (id, mailbox_mac) AS (VALUES {})
        INSERT INTO signup_mails (id, mailbox_mac, sent_at) SELECT id, mailbox_mac, ${} FROM v WHERE id IS NOT NULL",
        batch::value_rows(1, rows, &["$", "$"]),
        2 * rows + 1
    )
}

static KNOWN: SizedStatement = SizedStatement::new(known_sql);
static INSERT_PENDING: SizedStatement = SizedStatement::new(insert_pending_sql);
static RECENT: SizedStatement = SizedStatement::new(recent_sql);
static NOTE: SizedStatement = SizedStatement::new(note_sql);

// A confirmed reader's record is not for strangers to touch; whoever left or never
// confirmed has just asked anew. Where from, by which form and by whose hand describe one
// act, so they change together.
const ASKED_AGAIN: &str = "UPDATE subscribers
    SET asked_at = $2, source = $3, asked_ip = $4, form_version = $5
    WHERE id = $1 AND state <> 'confirmed'";
// A program only says that somebody asked: that takes nothing from the record of who is
// still to confirm. They are waited for anew, as another mail goes to them.
const ASKED_BY_PROGRAM: &str = "UPDATE subscribers SET asked_at = $2,
        source = CASE state WHEN 'pending' THEN source ELSE $3 END,
        asked_ip = CASE state WHEN 'pending' THEN asked_ip END,
        form_version = CASE state WHEN 'pending' THEN form_version END
    WHERE id = $1 AND state <> 'confirmed'";

/// Those of them who are there already, by the keys of their addresses.
pub(crate) async fn known(
    tx: &mut WriteTx,
    requests: &[SignUp],
) -> Result<HashMap<String, Subscriber>, StoreError> {
    let (sql, padding) = KNOWN.for_rows(tx.backend, requests.len());
    let mut query = sqlx::query(sql);
    for request in requests {
        query = query.bind(request.address.key());
    }
    let rows = batch::pad(query, padding).fetch_all(&mut **tx).await?;
    rows.iter()
        .map(|row| subscriber(row).map(|known| (known.address.key(), known)))
        .collect()
}

/// Takes in who is new, and notes that the others asked again.
pub(crate) async fn insert_or_update(
    tx: &mut WriteTx,
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
        let consent = &request.consent;
        let asked = |statement| {
            sqlx::query(statement)
                .bind(known.id.to_string())
                .bind(now.as_millis())
                .bind(request.source.clone())
        };
        let asked = match (&consent.ip, &consent.form_version) {
            (None, None) => asked(ASKED_BY_PROGRAM),
            (ip, form_version) => asked(ASKED_AGAIN)
                .bind(ip.clone())
                .bind(form_version.clone()),
        };
        asked.execute(&mut **tx).await?;
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
            .bind(request.source.clone())
            .bind(request.nonce.clone())
            .bind(request.consent.ip.clone())
            .bind(request.consent.form_version.clone());
    }
    query = batch::pad(query, 8 * padding);
    for _ in 0..3 {
        query = query.bind(now.as_millis());
    }
    query.execute(&mut **tx).await?;
    let mut moves = StateChanges::default();
    moves.add(None, Some(SubscriberState::Pending), new.len() as u64);
    moves.write(tx, now).await
}

/// The mails of late by the mailbox's HMAC; who had none is left out.
pub(crate) async fn recent(
    tx: &mut WriteTx,
    mailbox_macs: &[&str],
    (short, day, _): RateWindows,
) -> Result<HashMap<String, RecentMails>, StoreError> {
    let (sql, padding) = RECENT.for_rows(tx.backend, mailbox_macs.len());
    let query = sqlx::query(sql)
        .bind(short.as_millis())
        .bind(day.as_millis());
    let query = mailbox_macs
        .iter()
        .fold(query, |query, mac| query.bind((*mac).to_owned()));
    let query = batch::pad(query, padding);
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
pub(crate) async fn note(
    tx: &mut WriteTx,
    mails: &[(String, &str)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let (sql, padding) = NOTE.for_rows(tx.backend, mails.len());
    let mut query = sqlx::query(sql);
    for (id, mac) in mails {
        query = query.bind(id.clone()).bind((*mac).to_owned());
    }
    batch::pad(query, 2 * padding)
        .bind(now.as_millis())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Queues mails about a sign-up, each with the HMAC of the mailbox that it counts for.
pub(crate) async fn queue(
    tx: &mut WriteTx,
    letters: Vec<(&str, NewDelivery)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if letters.is_empty() {
        return Ok(());
    }
    let (macs, mails): (Vec<&str>, Vec<NewDelivery>) = letters.into_iter().unzip();
    let counted = mails
        .iter()
        .zip(macs)
        .map(|(mail, mac)| (mail.id.to_string(), mac));
    note(tx, &counted.collect::<Vec<_>>(), now).await?;
    deliveries::insert(tx, &mails, now).await
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[ASKED_AGAIN, ASKED_BY_PROGRAM];

#[cfg(test)]
pub(crate) fn statements(backend: crate::store::db::backend::Backend) -> Vec<String> {
    [&KNOWN, &INSERT_PENDING, &RECENT, &NOTE]
        .map(|statement| statement.for_rows(backend, 8).0.to_owned())
        .into()
}
