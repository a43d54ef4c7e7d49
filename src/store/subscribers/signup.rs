//! Signing up: the reader, the consent record and the mail, in one transaction. Those who
//! sign up at the same moment share it: what a commit costs hardly depends on how many are
//! in it.

use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryKind};
use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::{SubscriberId, SubscriberName, SubscriberState};
use crate::store::db::transaction::with_retry;
use crate::store::subscribers::Subscriber;
use crate::store::subscribers::signup_rows::{insert_or_update, known, queue, recent};
use crate::store::{NewDelivery, Store, StoreError};

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
    pub source: String,
    pub letter: ConfirmationIds,
}

/// For a mail about a sign-up, should one be sent.
#[derive(Clone, Debug)]
pub struct ConfirmationIds {
    pub mailbox_mac: String,
    pub delivery: DeliveryId,
}

/// Decides on the mail that answers a sign-up.
pub type SelectEmail = fn(Option<SubscriberState>, RecentMails) -> Option<DeliveryKind>;

/// The beginnings of the short and the long span in which mails are counted, and now.
pub type RateWindows = (Timestamp, Timestamp, Timestamp);

/// Sign-up mails that a mailbox was sent lately.
#[derive(Clone, Copy, Debug, Default)]
pub struct RecentMails {
    pub in_short: i64,
    pub in_day: i64,
}

const STILL_WAITS: &str = "SELECT id FROM subscribers WHERE id = $1 AND state = 'pending'";
const FORGET_MAILS: &str = "DELETE FROM signup_mails WHERE sent_at <= $1";

impl Store {
    /// Takes sign-ups in, no two of one mailbox, and queues for each the mail that `choose`
    /// decides on, all or nothing. Tells which.
    pub(crate) async fn sign_up_all(
        &self,
        requests: &[SignUp],
        spans: RateWindows,
        choose: SelectEmail,
    ) -> Result<Vec<Option<DeliveryKind>>, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let known = known(&mut tx, requests).await?;
            insert_or_update(&mut tx, requests, &known, spans.2).await?;
            let mailboxes: Vec<&str> = requests
                .iter()
                .map(|it| it.letter.mailbox_mac.as_str())
                .collect();
            let recent = recent(&mut tx, &mailboxes, spans).await?;
            let kinds = requests.iter().map(|request| {
                let state = known.get(&request.address.key()).map(|known| known.state);
                let recent = recent.get(&request.letter.mailbox_mac).copied();
                choose(state, recent.unwrap_or_default())
            });
            let kinds: Vec<_> = kinds.collect();
            let letters = requests.iter().zip(&kinds).filter_map(|(request, kind)| {
                let known = known.get(&request.address.key());
                let reader = known.map_or(request.id, |known| known.id);
                let mail = request.letter.to((*kind)?, reader, &request.address);
                Some((request.letter.mailbox_mac.as_str(), mail))
            });
            queue(&mut tx, letters.collect(), spans.2).await?;
            tx.commit().await?;
            Ok(kinds)
        })
        .await
    }

    /// Queues the mail that `choose` decides on for each who still waits for confirmation.
    /// Gives how many.
    pub async fn resend_confirmation(
        &self,
        readers: &[(Subscriber, ConfirmationIds)],
        spans: RateWindows,
        choose: SelectEmail,
    ) -> Result<u64, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let mut asked = 0;
            for (reader, letter) in readers {
                let waits = sqlx::query(STILL_WAITS).bind(reader.id.to_string());
                if waits.fetch_optional(&mut *tx).await?.is_none() {
                    continue;
                }
                let mailbox = letter.mailbox_mac.as_str();
                let recent = recent(&mut tx, &[mailbox], spans).await?;
                let recent = recent.get(mailbox).copied().unwrap_or_default();
                if let Some(kind) = choose(Some(SubscriberState::Pending), recent) {
                    let mail = letter.to(kind, reader.id, &reader.address);
                    queue(&mut tx, vec![(mailbox, mail)], spans.2).await?;
                    asked += 1;
                }
            }
            tx.commit().await?;
            Ok(asked)
        })
        .await
    }

    pub async fn purge_signup_mails(&self, before: Timestamp) -> Result<(), StoreError> {
        sqlx::query(FORGET_MAILS)
            .bind(before.as_millis())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

impl ConfirmationIds {
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

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[STILL_WAITS, FORGET_MAILS];
