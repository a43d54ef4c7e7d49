//! Identity of the newsletter in its messages.

use jiff::tz::TimeZone;

use crate::domain::mailbox::Mailbox;
use crate::domain::public_url::PublicUrl;
use crate::mail::templates::{AlertEvent, AlertMail, Moment, NewsletterContext};

/// Values that all messages of the newsletter have in common.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Values for the templates.
    pub newsletter: NewsletterContext,
    /// Sender.
    pub from: Mailbox,
    /// Reply-To header; `None` for the sender.
    pub reply_to: Option<Mailbox>,
    /// Base URL of the links.
    pub public_url: PublicUrl,
    /// Time zone of dates.
    pub zone: TimeZone,
}

impl Identity {
    /// Creates the message that notifies the operator of `event`.
    pub fn alert_mail(&self, event: AlertEvent) -> AlertMail {
        AlertMail {
            masthead: self.newsletter.clone(),
            at: event.at().map(|at| Moment::new(at, &self.zone)),
            desk_url: self.public_url.join(&event.admin_path()),
            event,
        }
    }
}
