//! What every handler has at hand.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use chrono::NaiveDate;

use crate::domain::clock::Timestamp;
use crate::domain::issue::schedule::Recurrence;
use crate::store::StoreError;
use crate::subscription::SignupLimits;
use crate::web::admin::flash_results::FlashResults;
use crate::web::assets::Assets;
use crate::web::auth::login_throttle::LoginThrottle;
use crate::web::auth::password::PasswordHasher;
use crate::web::issue_progress::ProgressHub;
use crate::web::pages::{Pages, TemplatesError};
use crate::web::{Services, Site, upcoming};

#[derive(Debug)]
pub struct AppState {
    pub web: Services,
    pub pages: Pages,
    pub site: Site,
    pub assets: Assets,
    pub caps: Arc<SignupLimits>,
    pub login_throttle: Arc<LoginThrottle>,
    pub password_hasher: Arc<PasswordHasher>,
    pub flash: Arc<FlashResults>,
    /// Whether it is kept already that the form was seen.
    pub form_seen: AtomicBool,
    pub live: Arc<ProgressHub>,
}

pub type SharedState = Arc<AppState>;

impl AppState {
    /// # Errors
    /// When a built-in template does not parse, which a test rules out.
    pub fn new(web: Services) -> Result<Self, TemplatesError> {
        let caps = Arc::new(SignupLimits::new(web.door.caps));
        Self::with_kept(web, caps, Arc::default(), Arc::default(), Arc::default())
    }

    /// Under other settings, with what was counted so far of who comes: to save a setting
    /// is no fresh allowance for whoever tries passwords.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn in_place_of(before: &Self, web: Services) -> Result<Self, TemplatesError> {
        let caps = if before.web.door.caps == web.door.caps {
            Arc::clone(&before.caps)
        } else {
            Arc::new(SignupLimits::new(web.door.caps))
        };
        let (login_throttle, password_hasher) = (&before.login_throttle, &before.password_hasher);
        Self::with_kept(
            web,
            caps,
            Arc::clone(login_throttle),
            Arc::clone(password_hasher),
            Arc::clone(&before.flash),
        )
    }

    fn with_kept(
        web: Services,
        caps: Arc<SignupLimits>,
        login_throttle: Arc<LoginThrottle>,
        password_hasher: Arc<PasswordHasher>,
        flash: Arc<FlashResults>,
    ) -> Result<Self, TemplatesError> {
        let site = site(&web);
        let assets = Assets::load(web.accent);
        let pages = Pages::new(&site, &assets)?;
        let live = ProgressHub::new(web.store.clone(), Arc::clone(&web.clock));
        Ok(Self {
            web,
            pages,
            site,
            assets,
            caps,
            login_throttle,
            password_hasher,
            flash,
            form_seen: AtomicBool::new(false),
            live,
        })
    }

    pub fn now(&self) -> Timestamp {
        self.web.clock.now()
    }

    /// When the next issue goes out by itself, if slots make issues.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_issue_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let (_, goes_at) = upcoming::ahead(&self.web).await?;
        Ok(goes_at)
    }
}

fn site(web: &Services) -> Site {
    let masthead = web.digests.identity.masthead.clone();
    let weekday = match web.schedule.rhythm() {
        Recurrence::Weekly(day) if web.schedule_enabled => {
            // Any date on that day has its name.
            NaiveDate::from_isoywd_opt(2026, 1, day).map(|date| date.format("%A").to_string())
        }
        _ => None,
    };
    Site {
        name: masthead.name,
        tagline: masthead.tagline,
        language: masthead.language,
        postal_address: masthead.postal_address,
        public_url: web.door.public_url.as_str().to_owned(),
        base: web.door.public_url.path_prefix().to_owned(),
        weekday,
        zone: web.schedule.zone(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::web::fixture::TestSite;

    #[tokio::test]
    async fn to_save_a_setting_is_no_fresh_allowance_for_who_guesses_passwords() {
        let site = TestSite::new().await;
        let here = IpAddr::from([192, 0, 2, 1]);
        let before = AppState::new(site.web.clone()).unwrap();
        let tries = |state: &AppState| {
            state
                .login_throttle
                .check_login(here, "ada@example.com")
                .is_ok()
        };
        while tries(&before) {}
        let after = AppState::in_place_of(&before, site.web.clone()).unwrap();
        assert!(!tries(&after));
    }
}
