//! What the pages get to know.

use std::sync::Arc;

use crate::app::{App, AppError};
use crate::config::Origin;
use crate::subscription::CapLimits;
use crate::web::admin::settings::service::SettingsService;
use crate::web::{self, Services};

impl App {
    /// # Errors
    /// When a template or a key has a fault.
    pub(super) fn web(&self, board: Arc<dyn SettingsService>) -> Result<Services, AppError> {
        let settings = &self.settings;
        let not_ready = settings
            .require_sending_settings()
            .err()
            .unwrap_or_default();
        Ok(Services {
            store: self.store.clone(),
            subscriptions: self.subscriptions(),
            digests: self.digests()?,
            outbox: settings.smtp.url.is_none().then(|| self.outbox()),
            list_work: Arc::clone(&self.list_work),
            mail_goes_to: self.transport()?.place(),
            keys: Arc::clone(&self.keys),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
            door: web::RequestPolicy {
                public_url: settings.server.public_url.clone(),
                trusted_proxies: settings.server.trusted_proxies.clone(),
                minimum_fill: settings.limits.minimum_fill,
                caps: CapLimits {
                    per_ip_hour: settings.limits.signups_per_ip_hour,
                    per_domain_hour: settings.limits.signups_per_domain_hour,
                    per_token_hour: settings.limits.signups_per_token_hour,
                },
            },
            schedule: settings.schedule.plan.clone(),
            schedule_enabled: settings.schedule.enabled,
            accent: settings.newsletter.accent,
            sending: self.sending_status()?,
            board,
            not_ready: not_ready.iter().map(ToString::to_string).collect(),
        })
    }

    fn sending_status(&self) -> Result<web::SendingStatus, AppError> {
        let smtp = &self.settings.smtp;
        let signer = self.signer()?;
        let records = signer.iter().flat_map(|signer| signer.records());
        Ok(web::SendingStatus {
            server: smtp.url.as_ref().map(|url| url.host().to_owned()),
            is_outbox_chosen: smtp.url.is_none()
                && (self.is_set("smtp", "url") || self.is_set("mail", "outbox")),
            has_password: smtp.password.is_some() || smtp.password_file.is_some(),
            records: records
                .map(|(name, value)| web::DnsRecord { name, value })
                .collect(),
        })
    }

    /// Whether someone chose it, be it to leave it empty.
    fn is_set(&self, section: &str, key: &str) -> bool {
        let mut listing = self.settings.listing.iter();
        listing.any(|it| (it.section, it.key) == (section, key) && it.origin != Origin::BuiltIn)
    }
}
