//! The services that are built from one revision of the settings.

use std::sync::Arc;

use crate::app::context::App;
use crate::app::error::AppError;
use crate::config::Origin;
use crate::delivery::DeliveryService;
use crate::subscription::SignupLimitConfig;
use crate::web::admin::settings::service::SettingsService;
use crate::web::{self, Services};
use crate::worker::{Alerts, ScheduleConfig, Scheduler};

/// Services of the background loops.
#[derive(Debug)]
pub(super) struct Components {
    pub app: App,
    pub scheduler: Scheduler,
    /// `None` while sending is disabled, because required sender settings are missing or
    /// the saved SMTP settings cannot be used; deliveries then wait in the queue. Sending to
    /// the outbox needs no sender settings.
    pub deliveries: Option<DeliveryService>,
}

impl Components {
    /// Builds all services; an error means that the settings cannot be applied.
    pub fn new(app: App) -> Result<Self, AppError> {
        let can_send =
            app.settings.smtp.url.is_none() || app.settings.require_sending_settings().is_ok();
        let deliveries = match app.deliveries() {
            Err(AppError::SavedSmtp(_)) => None,
            deliveries => Some(deliveries?),
        };
        Ok(Self {
            scheduler: app.scheduler()?,
            deliveries: deliveries.filter(|_| can_send),
            app,
        })
    }
}

impl App {
    /// Returns the scheduler, which creates the week's issue at its time.
    ///
    /// # Errors
    /// [`AppError::Templates`] if a custom template is invalid.
    pub fn scheduler(&self) -> Result<Scheduler, AppError> {
        let schedule = &self.settings.schedule;
        Ok(Scheduler {
            digests: self.digests()?,
            config: ScheduleConfig {
                schedule: schedule.plan.clone(),
                catch_up: schedule.catch_up,
                enabled: schedule.enabled,
            },
            is_sender_configured: self.settings.require_sending_settings().is_ok(),
            alerts: self.alerts(),
        })
    }

    /// Returns the service that notifies the operator.
    pub fn alerts(&self) -> Alerts {
        let alerts = &self.settings.alerts;
        Alerts {
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
            to: alerts.to.clone(),
            draft_before: alerts.draft_before,
        }
    }

    /// Returns the services of the web server.
    pub(super) fn web(&self, board: Arc<dyn SettingsService>) -> Result<Services, AppError> {
        let settings = &self.settings;
        let missing = settings.require_sending_settings().err();
        Ok(Services {
            store: self.store.clone(),
            subscriptions: self.subscriptions(),
            digests: self.digests()?,
            outbox: settings.smtp.url.is_none().then(|| self.outbox()),
            list_work: Arc::clone(&self.list_work),
            mail_goes_to: self.transport()?.display_name(),
            keys: Arc::clone(&self.keys),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
            door: web::RequestPolicy {
                public_url: settings.server.public_url.clone(),
                trusted_proxies: settings.server.trusted_proxies.clone(),
                minimum_fill: settings.limits.minimum_fill,
                caps: SignupLimitConfig {
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
            missing_settings: missing.unwrap_or_default(),
        })
    }

    fn sending_status(&self) -> Result<web::SendingStatus, AppError> {
        let smtp = &self.settings.smtp;
        let signer = self.signer()?;
        let records = signer.iter().flat_map(|signer| signer.dns_records());
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

    /// Returns whether a setting was set, even if to an empty value.
    fn is_set(&self, section: &str, key: &str) -> bool {
        let mut listing = self.settings.listing.iter();
        listing.any(|setting| {
            (setting.section, setting.key) == (section, key) && setting.origin != Origin::BuiltIn
        })
    }
}
