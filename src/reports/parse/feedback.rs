//! Feedback reports (ARF, RFC 5965).

use crate::reports::parse::fields::field;
use crate::reports::parse::finding::{Finding, ReportKind};

/// Returns what a `message/feedback-report` part says.
pub(super) fn find(text: &str) -> Finding {
    let feedback_type = field(text, "feedback-type").unwrap_or_default();
    let kind = match feedback_type.to_ascii_lowercase().as_str() {
        "abuse" | "complaint" | "fraud" | "virus" => ReportKind::Complaint,
        "opt-out" | "opt-out-list" => ReportKind::OptOut,
        // RFC 6650 and 6591: `not-spam`, `auth-failure`, `dkim`, `other`.
        _ => ReportKind::Other,
    };
    Finding {
        kind,
        status: None,
        reason: format!("Feedback-Type: {feedback_type}"),
    }
}
