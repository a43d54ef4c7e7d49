//! Who did what, for the list that admins read.

use std::fmt;

use crate::domain::api_token::{ApiTokenId, TokenName};
use crate::domain::delivery::words;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{AdminId, SubscriberId};
use crate::domain::issue::IssueNumber;
use crate::domain::issue::slot::Slot;

/// Who did it.
#[derive(Clone, Debug)]
pub enum Actor {
    /// Someone at the desk: the account, and the address it had then.
    Admin(AdminId, EmailAddress),
    /// A program, by the name of its token.
    Token(ApiTokenId, TokenName),
    /// Whoever may run commands on this machine.
    Cli,
}

words! {
    /// Of which kind an [`Actor`] was.
    ActorKind, ActorKindError, "'{0}' is nobody who does anything" {
        Admin => "admin",
        Token => "token",
        Cli => "cli",
    }
}

words! {
    /// What was done. The desk's template has the words for people.
    AuditAction, AuditActionError, "'{0}' is nothing that anyone does" {
        LoggedIn => "logged_in",
        LoggedOutEverywhere => "logged_out_everywhere",
        PasswordSet => "password_set",
        PasswordChanged => "password_changed",
        AccountInvited => "account_invited",
        AccountLinkMade => "account_link_made",
        AccountMadeAdmin => "account_made_admin",
        AccountMadeEditor => "account_made_editor",
        AccountRemoved => "account_removed",
        TokenMade => "token_made",
        TokenRevoked => "token_revoked",
        IssueEdited => "issue_edited",
        PostEdited => "post_edited",
        PostAdded => "post_added",
        PostHidden => "post_hidden",
        PostShown => "post_shown",
        PostPinned => "post_pinned",
        PostUnpinned => "post_unpinned",
        PostsReordered => "posts_reordered",
        WeekSkipped => "week_skipped",
        WeekKept => "week_kept",
        IssueSent => "issue_sent",
        IssuePaused => "issue_paused",
        IssueResumed => "issue_resumed",
        IssueCancelled => "issue_cancelled",
        IssueTriedNow => "issue_tried_now",
        IssueSentAgain => "issue_sent_again",
        TestSent => "test_sent",
        FeedAdded => "feed_added",
        FeedRemoved => "feed_removed",
        SubscriberAdded => "subscriber_added",
        SubscriberUnsubscribed => "subscriber_unsubscribed",
        SubscriberAskedAgain => "subscriber_asked_again",
        SubscriberErased => "subscriber_erased",
        SuppressionLifted => "suppression_lifted",
        SubscribersAskedAgain => "subscribers_asked_again",
        SubscribersUnsubscribed => "subscribers_unsubscribed",
        SubscribersErased => "subscribers_erased",
        ImportBegun => "import_begun",
        SubscribersImported => "subscribers_imported",
        SubscribersExported => "subscribers_exported",
        DeliveriesExported => "deliveries_exported",
        SettingsSaved => "settings_saved",
        SendingTried => "sending_tried",
    }
}

/// What it was done to. A reader's address has no place in it.
#[derive(Clone, Debug)]
pub enum AuditTarget {
    Nothing,
    Issue(IssueNumber),
    Week(Slot),
    /// By their keys; what they were set to is not told.
    Settings(Vec<String>),
    /// By its address.
    Feed(String),
    Subscriber(SubscriberId),
    /// So many readers.
    Subscribers(u64),
    /// Someone of the desk, by the address they log in with.
    Account(EmailAddress),
    /// By its name.
    Token(TokenName),
}

impl AuditTarget {
    /// As the list keeps it.
    pub fn to_stored(&self) -> Option<String> {
        match self {
            Self::Account(address) => Some(address.to_string()),
            object => object.to_logged(),
        }
    }

    /// As the log may have it: no address is in it.
    pub fn to_logged(&self) -> Option<String> {
        match self {
            Self::Nothing | Self::Account(_) => None,
            Self::Issue(number) => Some(number.to_string()),
            Self::Week(slot) => Some(slot.to_string()),
            Self::Settings(keys) => Some(keys.join(", ")),
            Self::Feed(address) => Some(address.clone()),
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
    fn words_read_back() {
        for kind in ActorKind::ALL {
            assert_eq!(ActorKind::parse(kind.as_str()), Ok(*kind));
        }
        for action in AuditAction::ALL {
            assert_eq!(AuditAction::parse(action.as_str()), Ok(*action));
        }
    }

    #[test]
    fn the_list_names_an_account_and_the_log_does_not() {
        let account = AuditTarget::Account(EmailAddress::parse("ada@example.com").unwrap());
        assert_eq!(account.to_stored().as_deref(), Some("ada@example.com"));
        assert_eq!(account.to_logged(), None);
        let issue = AuditTarget::from(IssueNumber::FIRST);
        assert_eq!(issue.to_stored(), issue.to_logged());
        assert_eq!(AuditTarget::Nothing.to_stored(), None);
    }
}
