//! Alerts: mail to the operator about finished, paused and missing issues.
//!
//! Events are read from the database. Each has a key under which its alert is enqueued at
//! most once, even if several processes detect the event.

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

/// Events older than this raise no alert, for example after a long outage.
const MAX_EVENT_AGE: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Detects events and enqueues alerts.
#[derive(Clone, Debug)]
pub struct Alerts {
    /// The database.
    pub store: Store,
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
    /// Source of delivery ids.
    pub random: Arc<Random>,
    /// Recipients (`alerts.to`). If empty, no alert is enqueued.
    pub to: Vec<EmailAddress>,
    /// How long before its slot a draft is announced; zero disables the announcement.
    pub draft_before: Duration,
}

impl Alerts {
    /// Enqueues alerts for issues that were completed, cancelled or paused by an error.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the database fails; the next poll tries again.
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

    /// Returns whether the draft that is sent at `next` is to be announced now.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the database fails.
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

    /// Announces the draft that is sent at `next`.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the database fails.
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
            readers: draft.recipients,
        };
        self.enqueue(&draft_key(slot), &event).await
    }

    /// Reports a slot that was missed for longer than `schedule.catch_up_hours`.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the database fails.
    pub async fn notify_missed_slot(&self, slot: &Slot, at: Timestamp) -> Result<(), StoreError> {
        let event = AlertEvent::SlotMissed {
            at: at.as_millis(),
            slot: slot.to_string(),
        };
        self.enqueue(&format!("missed {slot}"), &event).await
    }

    /// Reports that the issue of `slot` cannot be created because of `error`.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the database fails.
    pub async fn notify_no_issue(&self, slot: &Slot, error: String) -> Result<(), StoreError> {
        let event = AlertEvent::IssueNotMade {
            slot: slot.to_string(),
            says: error,
        };
        self.enqueue(&format!("not made {slot}"), &event).await
    }

    /// Reports the feeds that could not be fetched at their slot.
    ///
    /// `number` is the issue that was created without them; `None` if none was created.
    ///
    /// # Errors
    ///
    /// Returns [`StoreError`] if the database fails.
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
        // The time is part of the key, because an issue completes again after failed
        // deliveries were requeued.
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

    /// Reports a pause that has a reason. A pause by an editor has none.
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
        let payload =
            serde_json::to_string(event).expect("an event contains only text and numbers");
        let new_delivery = |address: &EmailAddress| NewDelivery {
            id: DeliveryId::from_stored(self.random.uuid_v7(now).to_string()),
            kind: DeliveryKind::Alert,
            subscriber: None,
            address: address.clone(),
            payload: Some(payload.clone()),
        };
        let deliveries: Vec<NewDelivery> = self.to.iter().map(new_delivery).collect();
        if self.store.enqueue_alert_once(key, &deliveries, now).await? {
            tracing::info!(event = key, "alert enqueued");
        }
        Ok(())
    }
}

fn draft_key(slot: &Slot) -> String {
    format!("draft {slot}")
}
