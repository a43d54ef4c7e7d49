//! The newsletter as the settings name it.

use crate::config::Settings;
use crate::domain::issue::schedule::Recurrence;
use crate::domain::mailbox::Mailbox;
use crate::mail::identity::Identity;
use crate::mail::templates::{Direction, NewsletterContext};

/// Whose mail it is. What is not set yet has a stand-in: it shows in the outbox and on
/// pages, and a real send asks for it first.
pub(super) fn identity(settings: &Settings) -> Identity {
    let newsletter = &settings.newsletter;
    let host = settings.server.public_url.host().to_owned();
    let stand_in = || {
        let at_host = Mailbox::parse(&format!("newsletter@{host}"));
        at_host.or_else(|_| Mailbox::parse("newsletter@example.invalid"))
    };
    let from = newsletter.from.clone().or_else(|| stand_in().ok());
    Identity {
        newsletter: NewsletterContext {
            name: newsletter
                .name
                .clone()
                .unwrap_or_else(|| "Newsletter".to_owned()),
            tagline: newsletter.tagline.clone(),
            language: newsletter.language.clone(),
            direction: Direction::for_language(&newsletter.language),
            site: host,
            postal_address: newsletter.postal_address.clone(),
            weekly: settings.schedule.enabled
                && matches!(settings.schedule.plan.recurrence(), Recurrence::Weekly(_)),
            accent: newsletter.accent.into(),
        },
        from: from.expect("example.invalid is a domain name"),
        reply_to: newsletter.reply_to.clone().map(Mailbox::from),
        public_url: settings.server.public_url.clone(),
        zone: settings.schedule.plan.zone().clone(),
    }
}
