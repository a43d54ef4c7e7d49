//! Settings without which no issue can be sent.

use serde::{Serialize, Serializer};

/// A setting that prevents sending, and what to set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MissingSetting {
    /// `newsletter.name` is not set.
    #[error("newsletter.name is required before sending")]
    Name,
    /// `newsletter.from` is not set.
    #[error("newsletter.from is required before sending, e.g. 'The Weekly <news@example.com>'")]
    From,
    /// `newsletter.postal_address` is not set.
    #[error(
        "newsletter.postal_address is required before sending; it is in the footer of every issue"
    )]
    PostalAddress,
    /// Mail would leave this machine with links that only work on this machine.
    #[error(
        "server.public_url: {public_url} only works on this machine, but {smtp_host} sends mail to other machines; expected the address under which subscribers reach this server"
    )]
    LoopbackLinks {
        /// Value of `server.public_url`.
        public_url: String,
        /// Host of `smtp.url`.
        smtp_host: String,
    },
}

impl MissingSetting {
    /// Returns the key of the setting.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Name => "newsletter.name",
            Self::From => "newsletter.from",
            Self::PostalAddress => "newsletter.postal_address",
            Self::LoopbackLinks { .. } => "server.public_url",
        }
    }
}

/// Serializes the key: pages have their own words for each setting.
impl Serialize for MissingSetting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.key())
    }
}
