//! The settings that must be set before an issue may be sent.

use crate::config::settings::Settings;
use crate::domain::email_address::EmailAddress;
use crate::domain::mailbox::Mailbox;
use crate::domain::missing_setting::MissingSetting;

/// The sender as every issue must name it.
#[derive(Clone, Debug)]
pub struct SenderIdentity {
    /// Name of the newsletter.
    pub name: String,
    /// Sender of the mail.
    pub from: Mailbox,
    /// Address for replies, if it is not the sender's.
    pub reply_to: Option<EmailAddress>,
    /// Postal address in the footer.
    pub postal_address: String,
}

impl Settings {
    /// Returns the sender if all settings that sending requires are set.
    ///
    /// # Errors
    /// All settings that prevent sending.
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
