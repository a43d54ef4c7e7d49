//! Parses a report: what it says, and the texts that may prove whose delivery it is about.
//!
//! Reports come in the standard forms and in those of many mail systems before and beside them.
//! Nothing here fails: bytes that are no report are [`ReportKind::Other`](finding::ReportKind).

mod delivery_status;
mod feedback;
mod fields;
pub(crate) mod finding;
mod mail;
mod notice;
pub(crate) mod verdict;

use finding::Finding;
use mail::{ParsedMail, PartKind};

/// A parsed report.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// What it says.
    pub(crate) finding: Finding,
    /// The mail as received and every part, decoded: where proofs are searched.
    pub(crate) texts: Vec<String>,
}

/// Parses the bytes of a mail.
pub(crate) fn parse_report(bytes: &[u8]) -> Report {
    let mail = ParsedMail::parse(bytes);
    Report {
        finding: find(&mail),
        texts: mail.into_texts(),
    }
}

/// Reads the machine-readable parts first, and the words of the notice if there are none.
fn find(mail: &ParsedMail) -> Finding {
    let part = |kind| mail.parts.iter().find(move |part| part.kind == kind);
    if let Some(part) = part(PartKind::Feedback) {
        return feedback::find(&part.text);
    }
    if let Some(part) = part(PartKind::DeliveryStatus)
        && let Some(finding) = delivery_status::find(&part.text, &mail.notice())
    {
        return finding;
    }
    notice::find(mail).unwrap_or_else(Finding::other)
}

#[cfg(test)]
mod tests;
