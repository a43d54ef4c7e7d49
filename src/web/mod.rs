//! What a browser sees: routes, pages and their assets.
//!
//! Words and markup live in `pages/` (Tera) and `assets/`; each page has one view
//! struct, beside its handlers in [`public`] and [`admin`], which holds all it shows. What
//! programs see is in [`api`].

pub mod admin;
pub mod api;
pub mod assets;
pub mod auth;
mod body_limit;
mod client_ip;
pub mod error;
mod filters;
pub mod headers;
mod health;
mod issue_deed;
pub mod issue_progress;
pub mod pages;
pub mod pagination;
pub mod public;
mod router;
pub mod sample_blog;
mod server;
mod site;
pub mod state;
mod upcoming;

#[cfg(test)]
mod contrast_tests;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod page_tests;
#[cfg(test)]
mod samples;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use admin::settings::service::SettingsService;
pub use admin::subscribers::tasks::BackgroundTasks;
pub use router::router;
pub use server::Server;
pub use site::Site;

use crate::digest::DigestService;
use crate::domain::accent::Accent;
use crate::domain::clock::Clock;
use crate::domain::issue::schedule::Schedule;
use crate::domain::public_url::PublicUrl;
use crate::domain::random::Random;
use crate::domain::signed_token::SecretKeys;
use crate::domain::trusted_proxies::TrustedProxies;
use crate::mail::outbox::Outbox;
use crate::store::Store;
use crate::subscription::{CapLimits, SubscriptionService};

/// All that the pages need.
#[derive(Clone, Debug)]
pub struct Services {
    pub store: Store,
    pub subscriptions: SubscriptionService,
    pub digests: DigestService,
    /// Where mail is kept while no SMTP server is set.
    pub outbox: Option<Outbox>,
    pub list_work: Arc<BackgroundTasks>,
    /// Where mail goes, as people name it: a server, or a folder.
    pub mail_goes_to: String,
    pub keys: Arc<SecretKeys>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<Random>,
    pub door: RequestPolicy,
    pub schedule: Schedule,
    /// Whether slots make issues by themselves.
    pub schedule_enabled: bool,
    /// What must be set before a send, in words; empty when all is.
    pub not_ready: Vec<String>,
    pub accent: Accent,
    pub sending: SendingStatus,
    pub board: Arc<dyn SettingsService>,
}

/// How mail leaves, for the desk.
#[derive(Clone, Debug, Default)]
pub struct SendingStatus {
    /// The mail server's host; none: mail goes to the outbox.
    pub server: Option<String>,
    /// Whether someone chose to keep mail as files.
    pub is_outbox_chosen: bool,
    /// Whether a password is set beside the server's address.
    pub has_password: bool,
    /// What the DNS must have for mail that is signed; nothing when it is not.
    pub records: Vec<DnsRecord>,
}

/// A TXT record.
#[derive(Clone, Debug, Serialize)]
pub struct DnsRecord {
    pub name: String,
    pub value: String,
}

/// Who may come in, and how often.
#[derive(Clone, Debug)]
pub struct RequestPolicy {
    pub public_url: PublicUrl,
    pub trusted_proxies: TrustedProxies,
    /// A form that comes back faster was not filled in by hand.
    pub minimum_fill: Duration,
    pub caps: CapLimits,
}
