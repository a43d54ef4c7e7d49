//! Templates of all messages.
//!
//! The files of `email-templates/` are embedded in the binary. A file of the same name in the
//! operator's template folder overrides an embedded one.

mod alert;
mod context;
mod engine;
mod fingerprint;
mod load;
mod samples;

#[cfg(test)]
mod tests;

pub use alert::{AlertCounts, AlertEvent, AlertMail, FailedFeed, Moment};
pub use context::{
    AccentColors, AlreadySubscribedMail, ConfirmationMail, Day, DigestMail, DigestPost, Direction,
    EmailTemplate, NewsletterContext, ReaderLinkMail,
};
pub use engine::{Rendered, TemplateError, Templates};
pub use fingerprint::Fingerprint;
pub use load::check;
