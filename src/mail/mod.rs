//! Email: templates, message encoding, DKIM, SMTP, and classification of SMTP replies.
//!
//! ```text
//! templates ─► Rendered ─► compose ─► FrozenMail ─ render_for ─► bytes ─ dkim ─► transport: smtp or outbox
//!                                                                                   │
//!                                                               reply ─► SmtpResult ◄┘
//! ```
//!
//! An issue is encoded once and frozen; only the parts that differ between recipients are
//! filled in for each of them. This module does not use the store, settings or pages.

pub mod compose;
pub mod dkim;
pub mod failure_reason;
pub mod identity;
pub mod markdown;
pub mod outbox;
pub mod reply;
pub mod size_limit;
pub mod smtp;
pub mod templates;
pub mod transport;
