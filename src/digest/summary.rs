//! Machine-readable summaries of the draft and of a send, for commands and the API.

use serde::Serialize;
use serde_json::{Value, json};

use crate::digest::Draft;
use crate::domain::issue::post::Post;
use crate::domain::issue::slot::Slot;
use crate::domain::issue::{DeliveryCounts, IssueState};
use crate::store::IssueRow;

/// Result of a request to send an issue.
#[derive(Clone, Debug, Serialize)]
pub struct SendResult {
    /// `sent`, `sending`, `paused`, `cancelled`, `already_sent`, `nothing_new`, `skipped` or
    /// `dry_run`.
    pub result: &'static str,
    issue: Option<i64>,
    slot: Option<String>,
    recipients: i64,
    #[serde(flatten)]
    counts: DeliveryCounts,
}

impl SendResult {
    /// Creates the result for an issue that this request created or continued.
    pub fn from_issue(issue: &IssueRow) -> Self {
        let result = match issue.state {
            IssueState::Sending => "sending",
            IssueState::Paused => "paused",
            IssueState::Sent => "sent",
            IssueState::Cancelled => "cancelled",
        };
        Self {
            result,
            issue: Some(issue.number.get()),
            slot: issue.slot.as_ref().map(ToString::to_string),
            recipients: issue.recipients,
            counts: issue.counts,
        }
    }

    /// Creates the result for an issue that existed before the request.
    pub fn from_existing_issue(issue: &IssueRow) -> Self {
        let current = Self::from_issue(issue);
        Self {
            result: match issue.state {
                IssueState::Sent => "already_sent",
                _ => current.result,
            },
            ..current
        }
    }

    /// Names the requested slot, which a cancelled issue that nobody received no longer has.
    #[must_use]
    pub fn for_slot(mut self, slot: Option<&Slot>) -> Self {
        self.slot = self.slot.or_else(|| slot.map(ToString::to_string));
        self
    }

    /// Creates the result for a slot that has no issue.
    pub fn without_issue(result: &'static str, slot: Option<&Slot>) -> Self {
        Self {
            result,
            issue: None,
            slot: slot.map(ToString::to_string),
            recipients: 0,
            counts: DeliveryCounts::default(),
        }
    }

    /// Creates the result for a draft that was not sent.
    pub fn from_draft(result: &'static str, draft: &Draft, slot: Option<&Slot>) -> Self {
        Self {
            issue: Some(draft.number.get()),
            recipients: draft.recipients,
            ..Self::without_issue(result, slot)
        }
    }
}

impl Draft {
    /// Returns the draft for `slot` as JSON, with the reason for each included and excluded post.
    pub fn to_json(&self, slot: &Slot) -> Value {
        let entry = |post: &Post, reason: &dyn ToString| json!({ "title": post.title, "url": post.url.as_str(), "why": reason.to_string() });
        let chosen = self.selection.chosen.iter();
        let excluded = self.selection.excluded.iter();
        let posts: Vec<Value> = chosen.map(|(post, reason)| entry(post, reason)).collect();
        let left_out: Vec<Value> = excluded.map(|(post, reason)| entry(post, reason)).collect();
        json!({
            "subject": self.subject, "number": self.number.get(), "slot": slot.to_string(),
            "recipients": self.recipients, "posts": posts, "left_out": left_out, "size": self.size,
        })
    }
}
