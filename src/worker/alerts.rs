//! Telling the owner what happened. Events are found in the database, and each is told
//! once, however many processes find it.

use std::sync::Arc;
use std::time::Duration;

use crate::digest::Draft;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::delivery::{DeliveryId, DeliveryKind};
use crate::domain::email_address::EmailAddress;
use crate::domain::issue::IssueState;
use crate::domain::issue::slot::Slot;
use crate::domain::random::Random;
use crate::mail::templates::{AlertEvent, FailedFeed};
use crate::store::{IssueRow, NewDelivery, Store, StoreError};

/// What is older is no news, whoever was asleep.
const MAX_EVENT_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

#[derive(Clone, Debug)]
pub struct Alerts {
    pub store: Store,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<Random>,
    /// With nobody in it nothing is told.
    pub to: Vec<EmailAddress>,
    /// How long before its slot a draft is told of; zero: not at all.
    pub draft_before: Duration,
}

impl Alerts {
    /// Tells how issues ended, and which are paused for a reason of the server's.
    ///
    /// # Errors
    /// When the database fails; the next look tells.
    pub async fn poll(&self) -> Result<(), StoreError> {
        if self.to.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let since = self
            .store
            .alerts_since(now)
            .await?
            .max(now.minus(MAX_EVENT_AGE));
        for issue in self.store.issues_ended_since(since).await? {
            self.notify_completed(&issue).await?;
        }
        for issue in self.store.unfinished_issues().await? {
            self.notify_paused(&issue).await?;
        }
        Ok(())
    }

    /// Whether to tell now of the draft that goes out at `next`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn should_notify_draft(
        &self,
        slot: &Slot,
        next: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let is_time = !self.draft_before.is_zero() && next.minus(self.draft_before) <= now;
        Ok(is_time
            && !self.to.is_empty()
            && !self.store.alert_exists(&draft_key(slot)).await?
            && !self.store.is_slot_skipped(slot).await?
            && self.store.issue_of_slot(slot).await?.is_none())
    }

    pub async fn notify_draft(
        &self,
        slot: &Slot,
        next: Timestamp,
        draft: &Draft,
    ) -> Result<(), StoreError> {
        let chosen = draft.selection.chosen.iter();
        let event = AlertEvent::DraftReady {
            at: next.as_millis(),
            subject: draft.subject.clone(),
            titles: chosen.map(|(post, _)| post.title.clone()).collect(),
            readers: draft.readers,
        };
        self.enqueue(&draft_key(slot), &event).await
    }

    pub async fn notify_missed_slot(&self, slot: &Slot, at: Timestamp) -> Result<(), StoreError> {
        let event = AlertEvent::SlotMissed {
            at: at.as_millis(),
            slot: slot.to_string(),
        };
        self.enqueue(&format!("missed {slot}"), &event).await
    }

    /// `says` is why the issue cannot be made.
    pub async fn notify_no_issue(&self, slot: &Slot, says: String) -> Result<(), StoreError> {
        let event = AlertEvent::IssueNotMade {
            slot: slot.to_string(),
            says,
        };
        self.enqueue(&format!("not made {slot}"), &event).await
    }

    /// `number` is the issue that was made all the same.
    pub async fn notify_failed_feeds(
        &self,
        slot: &Slot,
        feeds: Vec<FailedFeed>,
        number: Option<i64>,
    ) -> Result<(), StoreError> {
        if feeds.is_empty() {
            return Ok(());
        }
        let event = AlertEvent::FeedsFailed {
            slot: slot.to_string(),
            feeds,
            number,
        };
        self.enqueue(&format!("feeds {slot}"), &event).await
    }

    async fn notify_completed(&self, issue: &IssueRow) -> Result<(), StoreError> {
        let end = issue.finished_at.map_or(0, Timestamp::as_millis);
        // Sent again to those who bounced, it ends again.
        let key = format!("ended {} {end}", issue.id);
        if self.store.alert_exists(&key).await? {
            return Ok(());
        }
        let event = AlertEvent::IssueEnded {
            number: issue.number.get(),
            subject: issue.subject.clone(),
            cancelled: issue.state == IssueState::Cancelled,
            counts: (&issue.counts).into(),
        };
        self.enqueue(&key, &event).await
    }

    /// Who pauses by hand gives no reason, and knows.
    async fn notify_paused(&self, issue: &IssueRow) -> Result<(), StoreError> {
        let Some(says) = issue.pause_reason.clone() else {
            return Ok(());
        };
        let key = format!("paused {} {}", issue.id, issue.pause_count);
        if self.store.alert_exists(&key).await? {
            return Ok(());
        }
        let event = AlertEvent::IssuePaused {
            number: issue.number.get(),
            subject: issue.subject.clone(),
            says,
            counts: (&issue.counts).into(),
        };
        self.enqueue(&key, &event).await
    }

    async fn enqueue(&self, key: &str, event: &AlertEvent) -> Result<(), StoreError> {
        if self.to.is_empty() {
            return Ok(());
        }
        let now = self.clock.now();
        let payload = serde_json::to_string(event).expect("an event has only text and numbers");
        let mail = |address: &EmailAddress| NewDelivery {
            id: DeliveryId::from_stored(self.random.uuid_v7(now).to_string()),
            kind: DeliveryKind::Alert,
            subscriber: None,
            address: address.clone(),
            payload: Some(payload.clone()),
        };
        let mails: Vec<NewDelivery> = self.to.iter().map(mail).collect();
        if self.store.enqueue_alert_once(key, &mails, now).await? {
            tracing::info!(event = key, "the owner is told");
        }
        Ok(())
    }
}

fn draft_key(slot: &Slot) -> String {
    format!("draft {slot}")
}
