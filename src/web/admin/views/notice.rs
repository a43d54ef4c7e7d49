//! What the desk says after a change.

use serde::Serialize;

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
    fn a_notice_reads_back_and_is_the_word_the_page_sees() {
        for notice in FlashMessage::ALL {
            assert_eq!(FlashMessage::parse(notice.as_str()), Some(*notice));
            assert_eq!(serde_json::to_value(notice).unwrap(), notice.as_str());
        }
        assert_eq!(FlashMessage::parse("<b>hello</b>"), None);
    }
}
