//! State shared by all handlers.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jiff::civil::ISOWeekDate;

use crate::domain::clock::Timestamp;
use crate::domain::issue::schedule::Recurrence;
use crate::store::StoreError;
use crate::subscription::SignupLimits;
use crate::web::admin::flash_results::FlashResults;
use crate::web::assets::Assets;
use crate::web::auth::login_throttle::LoginThrottle;
use crate::web::auth::password::PasswordHasher;
use crate::web::issue_progress::ProgressHub;
use crate::web::render::site::Site;
use crate::web::render::{Pages, TemplatesError};
use crate::web::services::Services;
use crate::web::upcoming;

/// State of one settings revision.
#[derive(Debug)]
pub struct AppState {
    /// Services of the application.
    pub web: Services,
    /// Parsed page templates.
    pub pages: Pages,
    /// The newsletter, as pages show it.
    pub site: Site,
    /// Style sheet, script, font and icon.
    pub assets: Assets,
    /// Counters of sign-ups.
    pub caps: Arc<SignupLimits>,
    /// Counters of failed logins.
    pub login_throttle: Arc<LoginThrottle>,
    /// Verifies passwords, a limited number at a time.
    pub password_hasher: Arc<PasswordHasher>,
    /// Flash messages that are too large for a query parameter.
    pub flash: Arc<FlashResults>,
    /// Whether this process has recorded that the sign-up form is embedded in another site.
    pub form_seen: AtomicBool,
    /// Whether this process has recorded that a proxy is not trusted.
    pub untrusted_proxy_seen: AtomicBool,
    /// Progress of issues that are being watched.
    pub live: Arc<ProgressHub>,
}

/// The state as handlers receive it.
pub type SharedState = Arc<AppState>;

impl AppState {
    /// Creates the state with empty counters.
    ///
    /// # Errors
    /// Returns [`TemplatesError`] if a built-in template does not parse, which a test rules
    /// out.
    pub fn new(services: Services) -> Result<Self, TemplatesError> {
        let limits = Arc::new(SignupLimits::new(services.door.caps));
        Self::with_counters(
            services,
            limits,
            Arc::default(),
            Arc::default(),
            Arc::default(),
        )
    }

    /// Creates the state for new settings.
    ///
    /// Keeps the rate-limit counters of `before`, so that saving a setting does not reset the
    /// login throttle. The sign-up counters start again only if their limits changed.
    ///
    /// # Errors
    /// Returns [`TemplatesError`] as [`Self::new`] does.
    pub fn replacing(before: &Self, services: Services) -> Result<Self, TemplatesError> {
        let limits = if before.web.door.caps == services.door.caps {
            Arc::clone(&before.caps)
        } else {
            Arc::new(SignupLimits::new(services.door.caps))
        };
        Self::with_counters(
            services,
            limits,
            Arc::clone(&before.login_throttle),
            Arc::clone(&before.password_hasher),
            Arc::clone(&before.flash),
        )
    }

    fn with_counters(
        services: Services,
        caps: Arc<SignupLimits>,
        login_throttle: Arc<LoginThrottle>,
        password_hasher: Arc<PasswordHasher>,
        flash: Arc<FlashResults>,
    ) -> Result<Self, TemplatesError> {
        let site = build_site(&services);
        let assets = Assets::load(services.accent);
        let pages = Pages::new(&site, &assets)?;
        let live = ProgressHub::new(services.store.clone(), Arc::clone(&services.clock));
        Ok(Self {
            web: services,
            pages,
            site,
            assets,
            caps,
            login_throttle,
            password_hasher,
            flash,
            form_seen: AtomicBool::new(false),
            untrusted_proxy_seen: AtomicBool::new(false),
            live,
        })
    }

    /// Returns the current time.
    pub fn now(&self) -> Timestamp {
        self.web.clock.now()
    }

    /// Returns when the next issue is sent automatically, or `None` without a schedule.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored value cannot be parsed.
    pub async fn next_issue_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let (_, goes_at) = upcoming::ahead(&self.web).await?;
        Ok(goes_at)
    }
}

fn build_site(services: &Services) -> Site {
    let newsletter = services.digests.identity.newsletter.clone();
    let weekday = match services.schedule.recurrence() {
        Recurrence::Weekly(day) if services.schedule_enabled => {
            // The week is arbitrary: only the name of the day is used.
            ISOWeekDate::new(2026, 1, day)
                .ok()
                .map(|week| week.date().strftime("%A").to_string())
        }
        _ => None,
    };
    let public_url = &services.door.public_url;
    Site {
        name: newsletter.name,
        tagline: newsletter.tagline,
        language: newsletter.language,
        postal_address: newsletter.postal_address,
        public_url: public_url.as_str().to_owned(),
        base: public_url.path_prefix().to_owned(),
        weekday,
        zone: services.schedule.zone().clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::web::tests::fixture::TestSite;

    #[tokio::test]
    async fn replaced_state_keeps_login_throttle() {
        let site = TestSite::new().await;
        let ip = IpAddr::from([192, 0, 2, 1]);
        let before = AppState::new(site.web.clone()).unwrap();
        let is_allowed = |state: &AppState| {
            state
                .login_throttle
                .check_login(ip, "ada@example.com")
                .is_ok()
        };
        while is_allowed(&before) {}

        let after = AppState::replacing(&before, site.web.clone()).unwrap();

        assert!(!is_allowed(&after));
    }
}
