//! Reports that come back by mail: bounces (RFC 3464), complaints (RFC 5965) and automatic
//! replies.
//!
//! ```text
//! bytes ─► parse: what the report says ─► identify: whose delivery it proves ─► apply
//! ```
//!
//! A report counts only if it contains something that only this installation can have made: a
//! return path (VERP), a Message-ID or an unsubscribe token. An address proves nothing, because
//! everybody can write it into a report.

mod apply;
mod identify;
mod parse;
mod service;

pub use apply::{ReportOutcome, ReportResult};
pub use service::{MAX_REPORT_BYTES, ReportService};
