//! The settings as the admin UI reads and saves them.

use std::sync::{Arc, Weak};

use futures_util::future::BoxFuture;

use crate::app::components::Components;
use crate::app::context::App;
use crate::app::error::AppError;
use crate::app::reload::ReloadHandle;
use crate::config::{ConfigError, ConfigErrors, Origin, SettingInfo, Settings};
use crate::domain::email_address::EmailAddress;
use crate::web::admin::settings::service::{
    SaveError, Setting, SettingChange, SettingError, SettingSection, SettingsService,
    TestMailResult,
};

/// Attempts to save before a conflict is reported: each fails only if another process
/// saved at the same moment.
const MAX_ATTEMPTS: usize = 5;

/// Reads and saves settings through the reload handle of the process.
///
/// Weak, because the reload handle owns the server, which owns this.
#[derive(Clone, Debug)]
pub(super) struct AppSettingsService(Weak<ReloadHandle>);

impl AppSettingsService {
    pub fn new(reload: &Arc<ReloadHandle>) -> Self {
        Self(Arc::downgrade(reload))
    }
}

impl SettingsService for AppSettingsService {
    fn settings(&self) -> Vec<SettingSection> {
        let reload = self.0.upgrade();
        reload
            .map(|reload| group_by_section(&reload.app().settings))
            .unwrap_or_default()
    }

    fn template_errors(&self) -> Vec<String> {
        let errors = self.0.upgrade().map(|reload| reload.template_errors());
        errors.iter().flatten().map(ToString::to_string).collect()
    }

    fn save(
        &self,
        changes: Vec<SettingChange>,
        by: String,
    ) -> BoxFuture<'_, Result<(), SaveError>> {
        Box::pin(async move {
            let reload = self.0.upgrade().ok_or(SaveError::Conflict)?;
            save(&reload.app(), &changes, &by).await?;
            reload.reload().await.map_err(save_error)
        })
    }

    fn send_test_mail(&self, to: EmailAddress) -> BoxFuture<'_, TestMailResult> {
        Box::pin(async move {
            match self.0.upgrade() {
                Some(reload) => reload.app().send_test_mail(&to).await,
                None => TestMailResult::ShuttingDown,
            }
        })
    }
}

/// Validates and stores `changes`, and retries if another process saved concurrently.
async fn save(app: &App, changes: &[SettingChange], by: &str) -> Result<(), SaveError> {
    let now = app.clock.now();
    for _ in 0..MAX_ATTEMPTS {
        let saved = app.store.saved_settings().await?;
        let settings = app
            .sources
            .change(&saved.values, changes)
            .and_then(|changed| app.sources.settings(&changed))
            .map_err(|errors| save_error(errors.into()))?;
        let changed = App {
            settings: Arc::new(settings),
            ..app.clone()
        };
        Components::new(changed).map_err(save_error)?;
        let revision = app
            .store
            .save_settings(changes, saved.revision, by, now)
            .await?;
        if revision.is_some() {
            return Ok(());
        }
    }
    Err(SaveError::Conflict)
}

fn save_error(error: AppError) -> SaveError {
    match error {
        AppError::Store(error) => SaveError::Store(error),
        AppError::Settings(errors) => SaveError::Invalid(setting_errors(&errors)),
        other => SaveError::Invalid(vec![SettingError {
            key: None,
            message: other.to_string(),
        }]),
    }
}

fn setting_errors(errors: &ConfigErrors) -> Vec<SettingError> {
    let setting_error = |error: &ConfigError| match error {
        ConfigError::Key { key, message, .. } => SettingError {
            key: Some(key.clone()),
            message: message.clone(),
        },
        other => SettingError {
            key: None,
            message: other.to_string(),
        },
    };
    errors.errors().iter().map(setting_error).collect()
}

fn group_by_section(settings: &Settings) -> Vec<SettingSection> {
    let mut sections: Vec<SettingSection> = Vec::new();
    for info in &settings.listing {
        match sections.last_mut() {
            Some(section) if section.name == info.section => section.settings.push(setting(info)),
            _ => sections.push(SettingSection {
                name: info.section.to_owned(),
                settings: vec![setting(info)],
            }),
        }
    }
    sections
}

fn setting(info: &SettingInfo) -> Setting {
    let (origin, set_in) = match &info.origin {
        Origin::BuiltIn => ("default", None),
        Origin::Database => ("database", None),
        Origin::File(path) => ("file", Some(path.display().to_string())),
        Origin::Variable(name) => ("environment", Some(name.clone())),
    };
    Setting {
        key: info.key.to_owned(),
        value: info.value.clone(),
        origin: origin.to_owned(),
        set_in,
        is_editable: info.is_admin_editable,
    }
}
