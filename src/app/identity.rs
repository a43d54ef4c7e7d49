//! Name and sender of the newsletter, from the settings.

use crate::config::Settings;
use crate::domain::issue::schedule::Recurrence;
use crate::domain::mailbox::Mailbox;
use crate::mail::identity::Identity;
use crate::mail::templates::{Direction, NewsletterContext};

/// Returns name and sender of the newsletter.
///
/// Missing settings have placeholders, which appear on pages and in the outbox; sending to
/// subscribers requires the settings.
pub(super) fn identity(settings: &Settings) -> Identity {
    let newsletter = &settings.newsletter;
    let host = settings.server.public_url.host().to_owned();
    let placeholder = || {
        let at_host = Mailbox::parse(&format!("newsletter@{host}"));
        at_host.or_else(|_| Mailbox::parse("newsletter@example.invalid"))
    };
    let from = newsletter.from.clone().or_else(|| placeholder().ok());
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
