//! Whose mail it is.

use chrono_tz::Tz;

use super::templates::Masthead;
use crate::domain::public_url::PublicUrl;
use crate::domain::sender::Sender;

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
