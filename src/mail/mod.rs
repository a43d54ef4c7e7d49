//! From words to the wire: templates, composing, SMTP, and what a server's reply means.
//!
//! ```text
//! templates ─► Rendered ─► compose ─► FrozenMail ─ fill ─► bytes ─ dkim ─► transport: smtp or outbox
//!                                                                             │
//!                                                             reply ─► Report ◄┘
//! ```
//!
//! An issue is encoded once and frozen; for each reader only the few differing places
//! are filled in. This room knows nothing of stores, settings or pages.

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
