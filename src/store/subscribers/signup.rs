//! Sign-ups: the subscriber, the consent record and the confirmation message.
//!
//! Several sign-ups are written in one transaction, because a commit costs about the same for
//! many rows as for one.

use std::collections::HashMap;

use sqlx::FromRow;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryKind};
use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::{SubscriberId, SubscriberName, SubscriberState};
use crate::store::db::batch::{self, SizedStatement};
use crate::store::db::connect::Store;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::deliveries::enqueue;
use crate::store::deliveries::types::NewDelivery;
use crate::store::error::StoreError;
use crate::store::subscribers::signup_limits::{
    RateWindows, RecentMails, recent_mails, record_mails,
};
use crate::store::subscribers::state_log::StateChanges;
use crate::store::subscribers::types::Subscriber;
use crate::store::subscribers::types::select_subscriber_sql;

/// The proof that a subscriber requested the newsletter.
#[derive(Clone, Debug, Default)]
pub struct ConsentRecord {
    /// The IP address that sent the form; `None` for the API.
    pub ip: Option<String>,
    /// Identifies the text of the submitted form; `None` for the API.
    pub form_version: Option<String>,
}

/// A submitted sign-up.
#[derive(Clone, Debug)]
pub struct SignUp {
    /// The id of the subscriber if the address is new.
    pub id: SubscriberId,
    /// The nonce of the subscriber if the address is new.
    pub nonce: String,
    /// The address to subscribe.
    pub address: EmailAddress,
    /// The name, if one was entered. Stored only for a new address.
    pub name: Option<SubscriberName>,
    /// The proof of consent.
    pub consent: ConsentRecord,
    /// Where the subscriber came from, for example `form`.
    pub source: String,
    /// The ids of the message that replies to the sign-up.
    pub letter: ConfirmationIds,
}

/// The ids of a message about a sign-up.
#[derive(Clone, Debug)]
pub struct ConfirmationIds {
    /// The HMAC of the mailbox, for the rate limit.
    pub mailbox_mac: String,
    /// The id of the delivery, if the message is sent.
    pub delivery: DeliveryId,
}

/// Chooses the message that replies to a sign-up, from the subscriber's state before the
/// sign-up (`None` for a new address) and the recent messages to the mailbox.
pub type SelectEmail = fn(Option<SubscriberState>, RecentMails) -> Option<DeliveryKind>;

fn known_sql(count: usize) -> String {
    format!(
        select_subscriber_sql!("address_key IN ({})"),
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

static KNOWN: SizedStatement = SizedStatement::new(known_sql);
static INSERT_PENDING: SizedStatement = SizedStatement::new(insert_pending_sql);

/// Replaces the consent request of a subscriber who is not confirmed.
///
/// Confirmed subscribers are not changed, because anyone can submit their address. Time,
/// source, IP address and form version describe one request, so they change together.
const UPDATE_REQUEST: &str = "UPDATE subscribers
    SET asked_at = $2, source = $3, asked_ip = $4, form_version = $5
    WHERE id = $1 AND state <> 'confirmed'";
/// Updates the consent request for a sign-up through the API.
///
/// Keeps the recorded source, IP address and form version of a pending subscriber and
/// restarts the confirmation period, because another message is sent.
const UPDATE_API_REQUEST: &str = "UPDATE subscribers SET asked_at = $2,
        source = CASE state WHEN 'pending' THEN source ELSE $3 END,
        asked_ip = CASE state WHEN 'pending' THEN asked_ip END,
        form_version = CASE state WHEN 'pending' THEN form_version END
    WHERE id = $1 AND state <> 'confirmed'";
const IS_PENDING: &str = "SELECT id FROM subscribers WHERE id = $1 AND state = 'pending'";

impl Store {
    /// Stores sign-ups and enqueues the message that `select_email` chooses for each.
    ///
    /// All or none are stored. No two of `requests` may be of the same mailbox. Returns the
    /// kind of each message in the order of `requests`; `None` if none was enqueued.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored subscriber cannot be parsed.
    pub(crate) async fn sign_up_all(
        &self,
        requests: &[SignUp],
        windows: RateWindows,
        select_email: SelectEmail,
    ) -> Result<Vec<Option<DeliveryKind>>, StoreError> {
        let (_, _, now) = windows;
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let known = known_subscribers(&mut tx, requests).await?;
            insert_or_update(&mut tx, requests, &known, now).await?;
            let mailboxes: Vec<&str> = requests
                .iter()
                .map(|request| request.letter.mailbox_mac.as_str())
                .collect();
            let recent = recent_mails(&mut tx, &mailboxes, windows).await?;
            let mut kinds = Vec::with_capacity(requests.len());
            let mut messages = Vec::new();
            for request in requests {
                let known = known.get(&request.address.key());
                let mailbox = request.letter.mailbox_mac.as_str();
                let recent = recent.get(mailbox).copied().unwrap_or_default();
                let kind = select_email(known.map(|known| known.state), recent);
                if let Some(kind) = kind {
                    let id = known.map_or(request.id, |known| known.id);
                    let message = request.letter.new_delivery(kind, id, &request.address);
                    messages.push((mailbox, message));
                }
                kinds.push(kind);
            }
            enqueue_messages(&mut tx, messages, now).await?;
            tx.commit().await?;
            Ok(kinds)
        })
        .await
    }

    /// Enqueues the message that `select_email` chooses for each subscriber still pending.
    ///
    /// Returns how many messages were enqueued.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn resend_confirmation(
        &self,
        subscribers: &[(Subscriber, ConfirmationIds)],
        windows: RateWindows,
        select_email: SelectEmail,
    ) -> Result<u64, StoreError> {
        let (_, _, now) = windows;
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let mut enqueued = 0;
            for (subscriber, ids) in subscribers {
                let pending = sqlx::query(IS_PENDING).bind(subscriber.id);
                if pending.fetch_optional(&mut *tx).await?.is_none() {
                    continue;
                }
                let mailbox = ids.mailbox_mac.as_str();
                let recent = recent_mails(&mut tx, &[mailbox], windows).await?;
                let recent = recent.get(mailbox).copied().unwrap_or_default();
                if let Some(kind) = select_email(Some(SubscriberState::Pending), recent) {
                    let message = ids.new_delivery(kind, subscriber.id, &subscriber.address);
                    enqueue_messages(&mut tx, vec![(mailbox, message)], now).await?;
                    enqueued += 1;
                }
            }
            tx.commit().await?;
            Ok(enqueued)
        })
        .await
    }
}

impl ConfirmationIds {
    fn new_delivery(
        &self,
        kind: DeliveryKind,
        subscriber: SubscriberId,
        address: &EmailAddress,
    ) -> NewDelivery {
        NewDelivery {
            id: self.delivery.clone(),
            kind,
            subscriber: Some(subscriber),
            address: address.clone(),
            payload: None,
        }
    }
}

/// Returns the subscribers that exist already, by address key.
async fn known_subscribers(
    tx: &mut WriteTx,
    requests: &[SignUp],
) -> Result<HashMap<String, Subscriber>, StoreError> {
    let (sql, padding) = KNOWN.for_rows(tx.backend, requests.len());
    let query = requests.iter().fold(sqlx::query(sql), |query, request| {
        query.bind(request.address.key())
    });
    let rows = batch::bind_nulls(query, padding)
        .fetch_all(&mut **tx)
        .await?;
    rows.iter()
        .map(|row| {
            let known = Subscriber::from_row(row)?;
            Ok((known.address.key(), known))
        })
        .collect()
}

/// Inserts the new subscribers and updates the consent request of the known ones.
async fn insert_or_update(
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
        let update = |statement| {
            sqlx::query(statement)
                .bind(known.id)
                .bind(now)
                .bind(&request.source)
        };
        let update = match &request.consent {
            ConsentRecord {
                ip: None,
                form_version: None,
            } => update(UPDATE_API_REQUEST),
            consent => update(UPDATE_REQUEST)
                .bind(&consent.ip)
                .bind(&consent.form_version),
        };
        update.execute(&mut **tx).await?;
    }
    insert_pending(tx, &new, now).await
}

async fn insert_pending(
    tx: &mut WriteTx,
    requests: &[&SignUp],
    now: Timestamp,
) -> Result<(), StoreError> {
    if requests.is_empty() {
        return Ok(());
    }
    let (sql, padding) = INSERT_PENDING.for_rows(tx.backend, requests.len());
    let mut query = sqlx::query(sql);
    for request in requests {
        query = query
            .bind(request.id)
            .bind(&request.address)
            .bind(request.address.key())
            .bind(request.name.as_ref().map(SubscriberName::as_str))
            .bind(&request.source)
            .bind(&request.nonce)
            .bind(&request.consent.ip)
            .bind(&request.consent.form_version);
    }
    batch::bind_nulls(query, 8 * padding)
        .bind(now)
        .bind(now)
        .bind(now)
        .execute(&mut **tx)
        .await?;
    let mut changes = StateChanges::default();
    changes.add(None, Some(SubscriberState::Pending), requests.len() as u64);
    changes.write(tx, now).await
}

/// Enqueues messages and records them under the HMACs of their mailboxes.
async fn enqueue_messages(
    tx: &mut WriteTx,
    messages: Vec<(&str, NewDelivery)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if messages.is_empty() {
        return Ok(());
    }
    let (macs, messages): (Vec<&str>, Vec<NewDelivery>) = messages.into_iter().unzip();
    let ids = messages.iter().map(|message| message.id.to_string());
    record_mails(tx, &ids.zip(macs).collect::<Vec<_>>(), now).await?;
    enqueue::insert(tx, &messages, now).await
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[UPDATE_REQUEST, UPDATE_API_REQUEST, IS_PENDING];

#[cfg(test)]
pub(crate) fn statements(backend: crate::store::db::backend::Backend) -> Vec<String> {
    [&KNOWN, &INSERT_PENDING]
        .map(|statement| statement.for_rows(backend, 8).0.to_owned())
        .into()
}
