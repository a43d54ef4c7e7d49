//! What the handlers need from the application.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use crate::digest::DigestService;
use crate::domain::accent::Accent;
use crate::domain::clock::Clock;
use crate::domain::issue::schedule::Schedule;
use crate::domain::missing_setting::MissingSetting;
use crate::domain::public_url::PublicUrl;
use crate::domain::random::Random;
use crate::domain::signed_token::SecretKeys;
use crate::domain::trusted_proxies::TrustedProxies;
use crate::mail::outbox::Outbox;
use crate::store::Store;
use crate::subscription::{SignupLimitConfig, SubscriptionService};
use crate::web::admin::settings::service::SettingsService;
use crate::web::admin::subscribers::tasks::BackgroundTasks;

/// Services and settings of one settings revision.
#[derive(Clone, Debug)]
pub struct Services {
    /// The database.
    pub store: Store,
    /// Sign-up, confirmation, preferences and unsubscribe.
    pub subscriptions: SubscriptionService,
    /// Draft and issues.
    pub digests: DigestService,
    /// Folder for messages while no SMTP server is configured; `None` otherwise.
    pub outbox: Option<Outbox>,
    /// Imports and bulk actions that run in the background.
    pub list_work: Arc<BackgroundTasks>,
    /// Where messages are sent, for display: host and port, or a folder.
    pub mail_goes_to: String,
    /// Keys for signed tokens and cookies.
    pub keys: Arc<SecretKeys>,
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
    /// Source of random ids and tokens.
    pub random: Arc<Random>,
    /// Who may send requests, and how often.
    pub door: RequestPolicy,
    /// Schedule of the issues.
    pub schedule: Schedule,
    /// Whether the schedule sends issues automatically.
    pub schedule_enabled: bool,
    /// Settings without which no issue can be sent; empty if all are set.
    pub missing_settings: Vec<MissingSetting>,
    /// Accent color of the pages.
    pub accent: Accent,
    /// How messages are sent, for display in the admin UI.
    pub sending: SendingStatus,
    /// Reads and saves settings.
    pub board: Arc<dyn SettingsService>,
}

/// How messages are sent, for display in the admin UI.
#[derive(Clone, Debug, Default)]
pub struct SendingStatus {
    /// Host of the SMTP server; `None` if messages are written to the outbox.
    pub server: Option<String>,
    /// Whether the outbox was chosen explicitly.
    pub is_outbox_chosen: bool,
    /// Whether an SMTP password is set separately from the server's URL.
    pub has_password: bool,
    /// DNS records that signed mail requires; empty if mail is not signed.
    pub records: Vec<DnsRecord>,
}

/// A DNS TXT record.
#[derive(Clone, Debug, Serialize)]
pub struct DnsRecord {
    /// Fully qualified name.
    pub name: String,
    /// Text of the record.
    pub value: String,
}

/// Who may send requests, and how often.
#[derive(Clone, Debug)]
pub struct RequestPolicy {
    /// Public address of the site.
    pub public_url: PublicUrl,
    /// Proxies whose `X-Forwarded-For` header is trusted.
    pub trusted_proxies: TrustedProxies,
    /// Minimum time between showing and submitting a sign-up form. A faster submission is
    /// assumed to be automated and gets one extra step.
    pub minimum_fill: Duration,
    /// Limits of sign-ups per hour.
    pub caps: SignupLimitConfig,
}
