//! What a browser sees: routes, pages and their assets.
//!
//! Words and markup live in `pages/` (Tera) and `assets/`; each page has one view
//! struct, beside its handlers in [`public`] and [`admin`], which holds all it shows.

pub mod admin;
pub mod assets;
mod body_limit;
mod client_ip;
mod csv;
pub mod errors;
mod filters;
pub mod headers;
mod health;
pub mod live;
pub mod pages;
pub mod public;
mod router;
pub mod sample_blog;
mod serve;
mod site;
pub mod state;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod page_tests;
#[cfg(test)]
mod samples;

use std::sync::Arc;
use std::time::Duration;

pub use router::router;
pub use serve::serve;
pub use site::Site;

use crate::digest::Digests;
use crate::domain::clock::Clock;
use crate::domain::public_url::PublicUrl;
use crate::domain::random::Random;
use crate::domain::schedule::Schedule;
use crate::domain::token::SecretKeys;
use crate::domain::trusted_proxies::TrustedProxies;
use crate::mail::outbox::Outbox;
use crate::store::Store;
use crate::subscription::{CapLimits, Subscriptions};

/// All that the pages need.
#[derive(Clone, Debug)]
pub struct Web {
    pub store: Store,
    pub subscriptions: Subscriptions,
    pub digests: Digests,
    /// Where mail is kept while no SMTP server is set.
    pub outbox: Option<Outbox>,
    /// Where mail goes, as people name it: a server, or a folder.
    pub mail_goes_to: String,
    pub keys: Arc<SecretKeys>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<Random>,
    pub door: Door,
    pub schedule: Schedule,
    /// Whether slots make issues by themselves.
    pub schedule_enabled: bool,
    /// What must be set before a send, in words; empty when all is.
    pub not_ready: Vec<String>,
    /// What holds, and where it was set, for the desk; secrets redacted.
    pub settings: Vec<admin::views::SettingSection>,
}

/// Who may come in, and how often.
#[derive(Clone, Debug)]
pub struct Door {
    pub public_url: PublicUrl,
    pub trusted_proxies: TrustedProxies,
    /// A form that comes back faster was not filled in by hand.
    pub minimum_fill: Duration,
    pub caps: CapLimits,
}
