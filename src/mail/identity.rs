//! Whose mail it is.

use jiff::tz::TimeZone;

use crate::domain::mailbox::Mailbox;
use crate::domain::public_url::PublicUrl;
use crate::mail::templates::{AlertEvent, AlertMail, Moment, NewsletterContext};

/// What every mail of this newsletter has in common.
#[derive(Clone, Debug)]
pub struct Identity {
    pub newsletter: NewsletterContext,
    pub from: Mailbox,
    pub reply_to: Option<Mailbox>,
    /// Where the links lead.
    pub public_url: PublicUrl,
    /// In which dates are told.
    pub zone: TimeZone,
}

impl Identity {
    /// The mail that tells the owner of `event`.
    pub fn alert_mail(&self, event: AlertEvent) -> AlertMail {
        AlertMail {
            masthead: self.newsletter.clone(),
            at: event.at().map(|at| Moment::new(at, &self.zone)),
            desk_url: self.public_url.join(&event.admin_path()),
            event,
        }
    }
}
