//! What a report says.

use crate::reports::parse::verdict::Verdict;

/// The kinds of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReportKind {
    /// The message was not delivered and will not be.
    Failed(Verdict),
    /// The message is still being tried.
    Delayed,
    /// The recipient complained about the message.
    Complaint,
    /// The recipient asked to be taken off the list (`Feedback-Type: opt-out`).
    OptOut,
    /// An automatic reply, a success report, a person's answer, or no mail at all.
    Other,
}

/// What a report says, and why.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    /// What it says.
    pub(crate) kind: ReportKind,
    /// Enhanced status code (RFC 3463), if the report contains one.
    pub(crate) status: Option<String>,
    /// The reply or the sentence that gives the reason. May contain an address.
    pub(crate) reason: String,
}

impl Finding {
    /// Returns the finding for what is no report.
    pub(crate) const fn other() -> Self {
        Self {
            kind: ReportKind::Other,
            status: None,
            reason: String::new(),
        }
    }
}
