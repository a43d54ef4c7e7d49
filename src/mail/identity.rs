//! Whose mail it is.

use chrono_tz::Tz;

use crate::domain::mailbox::Sender;
use crate::domain::public_url::PublicUrl;
use crate::mail::templates::{AlertMail, Event, Masthead, Moment};

/// What every mail of this newsletter has in common.
#[derive(Clone, Debug)]
pub struct Identity {
    pub masthead: Masthead,
    pub from: Sender,
    pub reply_to: Option<Sender>,
    /// Where the links lead.
    pub public_url: PublicUrl,
    /// In which dates are told.
    pub zone: Tz,
}

impl Identity {
    /// The mail that tells the owner of `event`.
    pub fn alert(&self, event: Event) -> AlertMail {
        AlertMail {
            masthead: self.masthead.clone(),
            at: event.at().map(|at| Moment::of(at, self.zone)),
            desk_url: self.public_url.join(&event.path()),
            event,
        }
    }
}
