//! What came of a change, kept for the one page after it: too much for a word in its
//! address, and not to be made again by a reload. It ends with the process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

use crate::domain::clock::Timestamp;

/// Longer than any redirect takes.
const WAITS: Duration = Duration::from_secs(60);

/// One for each session: the newest.
pub struct Flash<T>(Mutex<HashMap<String, (Timestamp, T)>>);

impl<T> Default for Flash<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Flash<T> {
    /// Keeps it, and lets go of what nobody came for.
    pub fn keep(&self, session: &str, result: T, now: Timestamp) {
        let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        results.retain(|_, (at, _)| now.since(*at) < WAITS);
        results.insert(session.to_owned(), (now, result));
    }

    /// Whether one waits for this session that `is` so.
    pub fn waits(&self, session: &str, now: Timestamp, is: impl FnOnce(&T) -> bool) -> bool {
        let results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let result = results.get(session);
        result.is_some_and(|(at, result)| now.since(*at) < WAITS && is(result))
    }

    pub fn take(&self, session: &str, now: Timestamp) -> Option<T> {
        let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, result) = results.remove(session)?;
        (now.since(at) < WAITS).then_some(result)
    }
}

macro_rules! notices {
    ($($variant:ident => $word:literal),+ $(,)?) => {
        /// Rides from a POST to the page after it as one word of the query (`?done=`), so
        /// that no link can put words of its own on the desk.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum FlashMessage { $($variant),+ }

        impl FlashMessage {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

notices! {
    Welcome => "welcome",
    Saved => "saved",
    TestQueued => "test_queued",
    SendingBegun => "sending_begun",
    AlreadySent => "already_sent",
    NothingNew => "nothing_new",
    NobodyReads => "nobody_reads",
    Changed => "changed",
    PostHidden => "post_hidden",
    WeekSkipped => "week_skipped",
    WeekKept => "week_kept",
    Scheduled => "scheduled",
    Paused => "paused",
    Resumed => "resumed",
    Cancelled => "cancelled",
    TriedNow => "tried_now",
    NothingWaits => "nothing_waits",
    SentAgain => "sent_again",
    SubscriberAdded => "subscriber_added",
    SubscriberKnown => "subscriber_known",
    SubscriberKeptOut => "subscriber_kept_out",
    AskedAgain => "asked_again",
    AskedLately => "asked_lately",
    Unsubscribed => "unsubscribed",
    Erased => "erased",
    NobodyChanged => "nobody_changed",
    SuppressionLifted => "suppression_lifted",
    SuppressionLiftedUnconfirmed => "suppression_lifted_unconfirmed",
    FeedAdded => "feed_added",
    FeedChecked => "feed_checked",
    FeedsRead => "feeds_read",
    FeedRemoved => "feed_removed",
    RoleChanged => "role_changed",
    AccountRemoved => "account_removed",
    LastAdmin => "last_admin",
    TokenRevoked => "token_revoked",
    PasswordChanged => "password_changed",
}

impl FlashMessage {
    /// `None` for a word that is none of ours.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|notice| notice.as_str() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_its_sessions_and_is_shown_once_and_soon() {
        let now = Timestamp::from_millis(1_795_168_800_000);
        let once = Flash::default();
        once.keep("ada", 1, now);
        assert_eq!(once.take("eve", now), None);
        assert_eq!(
            (once.take("ada", now), once.take("ada", now)),
            (Some(1), None)
        );
        once.keep("ada", 2, now);
        assert_eq!(once.take("ada", now.plus(WAITS)), None);
        once.keep("ada", 3, now);
        once.keep("eve", 4, now.plus(WAITS));
        assert_eq!(once.0.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_notice_reads_back_and_is_the_word_the_page_sees() {
        for notice in FlashMessage::ALL {
            assert_eq!(FlashMessage::parse(notice.as_str()), Some(*notice));
            assert_eq!(serde_json::to_value(notice).unwrap(), notice.as_str());
        }
        assert_eq!(FlashMessage::parse("<b>hello</b>"), None);
    }
}
