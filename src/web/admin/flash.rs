//! Flash messages: results shown once, on the page after a redirect.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantArray};

use crate::domain::clock::Timestamp;

/// How long a value waits for the page that shows it. Longer than any redirect takes.
const MAX_AGE: Duration = Duration::from_secs(60);

/// What the admin UI says after a change.
///
/// A redirect carries it as one word of the query (`?done=`) and the page contains the
/// sentence, so that no link can put its own text into the admin UI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FlashMessage {
    /// The account has its first password.
    Welcome,
    /// A form was saved.
    Saved,
    /// A test of the next issue was enqueued.
    TestQueued,
    /// The issue is frozen and being sent.
    SendingStarted,
    /// The week already has its issue.
    AlreadySent,
    /// There are fewer posts than an issue needs.
    TooFewPosts,
    /// There is no active subscriber.
    NoSubscribers,
    /// The draft differs from the one that was reviewed.
    DraftChanged,
    /// A post is excluded from the next issue.
    PostHidden,
    /// The week is skipped.
    WeekSkipped,
    /// The week is no longer skipped.
    WeekUnskipped,
    /// The issue is left to the schedule.
    Scheduled,
    /// The issue is paused.
    Paused,
    /// The issue is being sent again after a pause.
    Resumed,
    /// The issue is cancelled.
    Cancelled,
    /// Deferred deliveries are due now.
    Retrying,
    /// There is no deferred delivery.
    NothingToRetry,
    /// Failed deliveries are queued again.
    Resending,
    /// The subscriber is on the list.
    SubscriberAdded,
    /// The address was already on the list.
    SubscriberKnown,
    /// The address unsubscribed, was erased or bounced, and was not added.
    SubscriberNotAdded,
    /// A confirmation email was enqueued.
    ConfirmationResent,
    /// No confirmation email was enqueued: not pending, or sent recently.
    ConfirmationNotResent,
    /// Subscribers were unsubscribed.
    Unsubscribed,
    /// Subscribers were erased.
    Erased,
    /// No subscriber was in a state that the action changes.
    AlreadyUnsubscribed,
    /// A suppressed address gets issues again.
    SuppressionLifted,
    /// A suppressed address is pending again, because it was never confirmed.
    SuppressionLiftedUnconfirmed,
    /// The feed was fetched and added.
    FeedAdded,
    /// The feed was fetched.
    FeedChecked,
    /// All feeds were fetched.
    FeedsRead,
    /// The feed was removed.
    FeedRemoved,
    /// An account has another role.
    RoleChanged,
    /// An account was removed.
    AccountRemoved,
    /// Nothing was changed, because the last active admin must remain.
    LastAdmin,
    /// An API token was revoked.
    TokenRevoked,
    /// The password was changed and the other sessions were closed.
    PasswordChanged,
}

impl FlashMessage {
    /// Returns the word in the query, which is also the one that templates compare.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Values too large or too secret for a query parameter, the newest of each session.
///
/// Kept in memory for [`MAX_AGE`]; a restart discards them.
pub struct Flash<T>(Mutex<HashMap<String, (Timestamp, T)>>);

impl<T> Default for Flash<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Flash<T> {
    /// Stores `value` for `session`, and removes expired values of all sessions.
    pub fn set(&self, session: &str, value: T, now: Timestamp) {
        let mut values = self.lock();
        values.retain(|_, (at, _)| now.since(*at) < MAX_AGE);
        values.insert(session.to_owned(), (now, value));
    }

    /// Returns whether a value that fulfils `predicate` waits for `session`.
    pub fn contains(
        &self,
        session: &str,
        now: Timestamp,
        predicate: impl FnOnce(&T) -> bool,
    ) -> bool {
        let values = self.lock();
        let value = values.get(session);
        value.is_some_and(|(at, value)| now.since(*at) < MAX_AGE && predicate(value))
    }

    /// Removes and returns the value of `session`, unless it has expired.
    pub fn take(&self, session: &str, now: Timestamp) -> Option<T> {
        let (at, value) = self.lock().remove(session)?;
        (now.since(at) < MAX_AGE).then_some(value)
    }

    /// Locks the map. Every method leaves it valid, so a poisoned lock is usable.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, (Timestamp, T)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flash_value_is_returned_once_to_its_session() {
        let now = Timestamp::from_millis(1_795_168_800_000);
        let flash = Flash::default();

        flash.set("ada", 1, now);

        assert_eq!(flash.take("eve", now), None);
        assert_eq!(flash.take("ada", now), Some(1));
        assert_eq!(flash.take("ada", now), None);
    }

    #[test]
    fn flash_value_after_max_age_is_removed() {
        let now = Timestamp::from_millis(1_795_168_800_000);
        let flash = Flash::default();

        flash.set("ada", 2, now);
        assert_eq!(flash.take("ada", now.plus(MAX_AGE)), None);

        flash.set("ada", 3, now);
        flash.set("eve", 4, now.plus(MAX_AGE));
        assert_eq!(flash.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn flash_message_round_trips_through_its_word() {
        for message in FlashMessage::VARIANTS {
            assert_eq!(message.as_str().parse(), Ok(*message));
            assert_eq!(serde_json::to_value(message).unwrap(), message.as_str());
        }
        assert!("<b>hello</b>".parse::<FlashMessage>().is_err());
    }
}
