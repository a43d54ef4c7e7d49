//! What must be set before mail may go out to readers.

use crate::config::Settings;
use crate::domain::email_address::EmailAddress;
use crate::domain::mailbox::Mailbox;

/// Whose newsletter it is: what every issue must say.
#[derive(Clone, Debug)]
pub struct SenderIdentity {
    pub name: String,
    pub from: Mailbox,
    pub reply_to: Option<EmailAddress>,
    pub postal_address: String,
}

/// Why no issue may go out yet, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MissingSetting {
    #[error("newsletter.name: needed before a send; what is the newsletter called?")]
    Name,
    #[error(
        "newsletter.from: needed before a send; whom is the mail from, like 'The Weekly <news@example.com>'?"
    )]
    From,
    #[error(
        "newsletter.postal_address: needed before a send; it stands at the foot of every issue"
    )]
    PostalAddress,
    #[error(
        "server.public_url: {public_url} is this machine's own, and readers of mail sent by {smtp_host} could not follow its links; set the address that readers see"
    )]
    LoopbackLinks {
        public_url: String,
        smtp_host: String,
    },
}

impl Settings {
    /// # Errors
    /// Everything that stands in the way of a send.
    pub fn require_sending_settings(&self) -> Result<SenderIdentity, Vec<MissingSetting>> {
        let newsletter = &self.newsletter;
        let links = self.loopback_links();
        match (
            &newsletter.name,
            &newsletter.from,
            &newsletter.postal_address,
        ) {
            (Some(name), Some(from), Some(postal_address)) if links.is_none() => {
                Ok(SenderIdentity {
                    name: name.clone(),
                    from: from.clone(),
                    reply_to: newsletter.reply_to.clone(),
                    postal_address: postal_address.clone(),
                })
            }
            (name, from, postal_address) => Err([
                name.is_none().then_some(MissingSetting::Name),
                from.is_none().then_some(MissingSetting::From),
                postal_address
                    .is_none()
                    .then_some(MissingSetting::PostalAddress),
                links,
            ]
            .into_iter()
            .flatten()
            .collect()),
        }
    }

    fn loopback_links(&self) -> Option<MissingSetting> {
        let smtp = self.smtp.url.as_ref().filter(|smtp| !smtp.is_loopback())?;
        let public_url = &self.server.public_url;
        public_url
            .is_loopback()
            .then(|| MissingSetting::LoopbackLinks {
                public_url: public_url.to_string(),
                smtp_host: smtp.host().to_owned(),
            })
    }
}
