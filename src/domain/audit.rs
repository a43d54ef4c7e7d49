//! Audit log: which actor did what, for admins to read.

use crate::domain::api_token::{ApiTokenId, TokenName};
use crate::domain::email_address::EmailAddress;
use crate::domain::enum_text::word_enum;
use crate::domain::ids::{AdminId, SubscriberId};
use crate::domain::issue::IssueNumber;
use crate::domain::issue::slot::Slot;

/// The account, API client or command that acted.
#[derive(Clone, Debug)]
pub enum Actor {
    /// A user of the admin UI: the account and its address at that time.
    Admin(AdminId, EmailAddress),
    /// An API client, with the name of its token.
    Token(ApiTokenId, TokenName),
    /// A command on the server.
    Cli,
}

word_enum! {
    /// Kind of an [`Actor`].
    pub enum ActorKind: "kind of actor" {
        /// [`Actor::Admin`].
        Admin,
        /// [`Actor::Token`].
        Token,
        /// [`Actor::Cli`].
        Cli,
    }
}

word_enum! {
    /// What was done. The template of the audit page has the words for it.
    pub enum AuditAction: "audit action" {
        /// Logged in.
        LoggedIn,
        /// Ended all other sessions.
        LoggedOutEverywhere,
        /// Set the first password with a one-time link, or a new one.
        PasswordSet,
        /// Changed their own password.
        PasswordChanged,
        /// Created an account.
        AccountInvited,
        /// Created a one-time link for an account.
        AccountLinkMade,
        /// Gave an account the role admin.
        AccountMadeAdmin,
        /// Gave an account the role editor.
        AccountMadeEditor,
        /// Deleted an account.
        AccountRemoved,
        /// Created an API token.
        TokenMade,
        /// Revoked an API token.
        TokenRevoked,
        /// Changed subject, preheader or note of the next issue.
        IssueEdited,
        /// Changed title or excerpt of a post.
        PostEdited,
        /// Added a post to the next issue.
        PostAdded,
        /// Hid a post.
        PostHidden,
        /// Restored a hidden post.
        PostShown,
        /// Pinned a post to the top.
        PostPinned,
        /// Unpinned a post.
        PostUnpinned,
        /// Changed the order of the posts.
        PostsReordered,
        /// Skipped a week.
        WeekSkipped,
        /// Undid the skip of a week.
        WeekKept,
        /// Sent an issue.
        IssueSent,
        /// Paused an issue.
        IssuePaused,
        /// Resumed an issue.
        IssueResumed,
        /// Cancelled an issue.
        IssueCancelled,
        /// Retried the deferred deliveries of an issue immediately.
        IssueTriedNow,
        /// Requeued failed deliveries of an issue.
        IssueSentAgain,
        /// Sent a test of the next issue.
        TestSent,
        /// Added a feed.
        FeedAdded,
        /// Removed a feed.
        FeedRemoved,
        /// Added a subscriber.
        SubscriberAdded,
        /// Unsubscribed a subscriber.
        SubscriberUnsubscribed,
        /// Sent a subscriber another confirmation message.
        SubscriberAskedAgain,
        /// Deleted a subscriber's personal data.
        SubscriberErased,
        /// Removed the suppression of an address.
        SuppressionLifted,
        /// Sent several subscribers another confirmation message.
        SubscribersAskedAgain,
        /// Unsubscribed several subscribers.
        SubscribersUnsubscribed,
        /// Deleted the personal data of several subscribers.
        SubscribersErased,
        /// Started an import.
        ImportBegun,
        /// Finished an import.
        SubscribersImported,
        /// Exported subscribers.
        SubscribersExported,
        /// Exported the deliveries of an issue.
        DeliveriesExported,
        /// Changed settings.
        SettingsSaved,
        /// Sent a test message to check the SMTP settings.
        SendingTried,
    }
}

/// What the action was applied to. Never contains a subscriber's address.
#[derive(Clone, Debug)]
pub enum AuditTarget {
    /// The action has no target.
    Nothing,
    /// An issue, by its number.
    Issue(IssueNumber),
    /// A week.
    Week(Slot),
    /// Settings by key, without their values.
    Settings(Vec<String>),
    /// A feed, by its URL.
    Feed(String),
    /// A subscriber, by id.
    Subscriber(SubscriberId),
    /// A number of subscribers.
    Subscribers(u64),
    /// An account, by the address it logs in with.
    Account(EmailAddress),
    /// An API token, by name.
    Token(TokenName),
}

impl AuditTarget {
    /// Returns the text stored in the audit log.
    pub fn to_stored(&self) -> Option<String> {
        match self {
            Self::Account(address) => Some(address.to_string()),
            target => target.to_logged(),
        }
    }

    /// Returns the text for the process log, which never contains an address.
    pub fn to_logged(&self) -> Option<String> {
        match self {
            Self::Nothing | Self::Account(_) => None,
            Self::Issue(number) => Some(number.to_string()),
            Self::Week(slot) => Some(slot.to_string()),
            Self::Settings(keys) => Some(keys.join(", ")),
            Self::Feed(url) => Some(url.clone()),
            Self::Subscriber(id) => Some(id.to_string()),
            Self::Subscribers(count) => Some(count.to_string()),
            Self::Token(name) => Some(name.as_str().to_owned()),
        }
    }
}

impl From<IssueNumber> for AuditTarget {
    fn from(number: IssueNumber) -> Self {
        Self::Issue(number)
    }
}

impl From<Slot> for AuditTarget {
    fn from(slot: Slot) -> Self {
        Self::Week(slot)
    }
}

impl From<TokenName> for AuditTarget {
    fn from(name: TokenName) -> Self {
        Self::Token(name)
    }
}

impl From<SubscriberId> for AuditTarget {
    fn from(id: SubscriberId) -> Self {
        Self::Subscriber(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_words_parse_back() {
        for kind in ActorKind::ALL {
            assert_eq!(ActorKind::parse(kind.as_str()), Ok(*kind));
        }
        for action in AuditAction::ALL {
            assert_eq!(AuditAction::parse(action.as_str()), Ok(*action));
        }
    }

    #[test]
    fn account_is_in_audit_log_but_not_in_process_log() {
        let account = AuditTarget::Account(EmailAddress::parse("ada@example.com").unwrap());
        assert_eq!(account.to_stored().as_deref(), Some("ada@example.com"));
        assert_eq!(account.to_logged(), None);

        let issue = AuditTarget::from(IssueNumber::FIRST);
        assert_eq!(issue.to_stored(), issue.to_logged());
        assert_eq!(AuditTarget::Nothing.to_stored(), None);
    }
}
