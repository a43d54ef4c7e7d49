//! Delivery status notifications (RFC 3464): groups of fields, one per recipient.

use crate::reports::parse::fields::field;
use crate::reports::parse::finding::{Finding, ReportKind};
use crate::reports::parse::verdict::{self, Verdict};

/// Returns what a `message/delivery-status` part says; `None` if it names no action.
///
/// `notice` is the text for people, whose words decide where the fields are silent.
pub(super) fn find(text: &str, notice: &str) -> Option<Finding> {
    let mut failed: Vec<Finding> = Vec::new();
    let mut is_delayed = false;
    let mut has_action = false;
    for group in groups(text) {
        let Some(action) = field(group, "action") else {
            continue;
        };
        has_action = true;
        let action = action.to_ascii_lowercase();
        if action.starts_with("failed") || action.starts_with("failure") {
            failed.push(failure(group, notice));
        } else if action.starts_with("delayed") {
            is_delayed = true;
        }
    }
    // A report about several recipients suppresses only if all of them are dead.
    let soft = failed
        .iter()
        .position(|it| it.kind != ReportKind::Failed(Verdict::Dead));
    if !failed.is_empty() {
        return Some(failed.swap_remove(soft.unwrap_or(0)));
    }
    if is_delayed {
        return Some(Finding {
            kind: ReportKind::Delayed,
            status: field(text, "status").and_then(|it| verdict::enhanced_code(&it)),
            reason: field(text, "diagnostic-code").unwrap_or_default(),
        });
    }
    has_action.then(Finding::other)
}

/// Splits the part at its empty lines.
fn groups(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n").filter(|group| !group.trim().is_empty())
}

fn failure(group: &str, notice: &str) -> Finding {
    let status = field(group, "status").and_then(|it| verdict::enhanced_code(&it));
    let diagnostic = field(group, "diagnostic-code").unwrap_or_default();
    let in_diagnostic = verdict::enhanced_code(&diagnostic);
    // The code of the remote server is the cause; the field often says 5.0.0.
    let code = in_diagnostic.or_else(|| status.clone());
    let mut verdict = verdict::decide(code.as_deref(), &diagnostic);
    if verdict.is_none() && !is_specific(code.as_deref()) {
        verdict = verdict::decide(None, notice);
    }
    // A forwarding mailbox that is full is reported as unknown to its sender.
    if verdict == Some(Verdict::Dead) && verdict::decide(None, notice) == Some(Verdict::Full) {
        verdict = Some(Verdict::Full);
    }
    let verdict = verdict.unwrap_or(Verdict::Soft);
    let kind = match verdict {
        Verdict::Soft if verdict::is_temporary(code.as_deref(), &diagnostic) => ReportKind::Delayed,
        verdict => ReportKind::Failed(verdict),
    };
    Finding {
        kind,
        status: code.or(status),
        reason: if diagnostic.is_empty() {
            field(group, "status").unwrap_or_default()
        } else {
            diagnostic
        },
    }
}

/// Returns whether a code names a cause, unlike 5.0.0.
fn is_specific(code: Option<&str>) -> bool {
    code.is_some_and(|code| !code.ends_with(".0.0") && !code.ends_with(".1.0"))
}
