//! What commands and programs are told of the next issue, and of asking for it.

use serde::Serialize;
use serde_json::{Value, json};

use crate::digest::Draft;
use crate::domain::issue::post::Post;
use crate::domain::issue::slot::Slot;
use crate::domain::issue::{DeliveryCounts, IssueState};
use crate::store::IssueRow;

/// What came of asking for an issue, in one line.
#[derive(Clone, Debug, Serialize)]
pub struct SendResult {
    /// `sent`, `sending`, `paused`, `already_sent`, `nothing_new`, `skipped` or `dry_run`.
    pub result: &'static str,
    issue: Option<i64>,
    slot: Option<String>,
    recipients: i64,
    #[serde(flatten)]
    sums: Sums,
}

/// How recipients are accounted for.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Sums {
    delivered: i64,
    deferred: i64,
    bounced: i64,
    skipped: i64,
    in_doubt: i64,
    /// Queued, leased and sending together.
    queued: i64,
}

impl From<&DeliveryCounts> for Sums {
    fn from(tally: &DeliveryCounts) -> Self {
        Self {
            delivered: tally.delivered,
            deferred: tally.deferred,
            bounced: tally.bounced,
            skipped: tally.skipped,
            in_doubt: tally.in_doubt,
            queued: tally.queued,
        }
    }
}

impl SendResult {
    /// Of an issue as it stands.
    pub fn of_issue(issue: &IssueRow) -> Self {
        let result = match issue.state {
            IssueState::Sending => "sending",
            IssueState::Paused => "paused",
            IssueState::Sent | IssueState::Cancelled => "sent",
        };
        Self {
            result,
            issue: Some(issue.number.get()),
            slot: issue.slot.as_ref().map(ToString::to_string),
            recipients: issue.recipients,
            sums: (&issue.counts).into(),
        }
    }

    /// Of a slot that had its issue before anyone asked.
    pub fn of_issue_before(issue: &IssueRow) -> Self {
        let told = Self::of_issue(issue);
        let is_over = matches!(issue.state, IssueState::Sent | IssueState::Cancelled);
        Self {
            result: if is_over { "already_sent" } else { told.result },
            ..told
        }
    }

    /// Of a slot that stays without an issue.
    pub fn of_nothing(result: &'static str, slot: Option<&Slot>) -> Self {
        Self {
            result,
            issue: None,
            slot: slot.map(ToString::to_string),
            recipients: 0,
            sums: Sums::default(),
        }
    }

    /// Of what would be sent, and is not.
    pub fn of_draft(result: &'static str, draft: &Draft, slot: Option<&Slot>) -> Self {
        Self {
            issue: Some(draft.number.get()),
            recipients: draft.readers,
            ..Self::of_nothing(result, slot)
        }
    }
}

impl Draft {
    /// What would go out in the week of `slot`, and what would not, and why.
    pub fn to_json(&self, slot: &Slot) -> Value {
        let post = |post: &Post, why: &dyn ToString| json!({ "title": post.title, "url": post.url.as_str(), "why": why.to_string() });
        let (chosen, left_out) = (&self.selection.chosen, &self.selection.left_out);
        let posts: Vec<Value> = chosen.iter().map(|(it, why)| post(it, why)).collect();
        let left_out: Vec<Value> = left_out.iter().map(|(it, why)| post(it, why)).collect();
        json!({
            "subject": self.subject, "number": self.number.get(), "slot": slot.to_string(),
            "recipients": self.readers, "posts": posts, "left_out": left_out, "size": self.size,
        })
    }
}
