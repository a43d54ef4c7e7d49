//! The settings as the desk reads and saves them.

use std::sync::{Arc, Weak};

use futures_util::future::BoxFuture;

use crate::app::reload::ReloadHandle;
use crate::app::{App, AppError, listing};
use crate::config::{ConfigError, ConfigErrors};
use crate::domain::email_address::EmailAddress;
use crate::web::admin::settings::service::SettingSection;
use crate::web::admin::settings::service::{
    SaveError, SettingChange, SettingError, SettingsService, TestMailResult,
};

/// So many others may save in the same moment.
const TRIES: usize = 5;

/// The web is held by the helm, so it must not hold the helm.
#[derive(Clone, Debug)]
pub(super) struct AppSettingsService(Weak<ReloadHandle>);

impl AppSettingsService {
    pub fn of(helm: &Arc<ReloadHandle>) -> Self {
        Self(Arc::downgrade(helm))
    }
}

impl SettingsService for AppSettingsService {
    fn settings(&self) -> Vec<SettingSection> {
        self.0
            .upgrade()
            .map(|helm| listing::sections(&helm.app().settings))
            .unwrap_or_default()
    }

    fn template_errors(&self) -> Vec<String> {
        let faults = self.0.upgrade().map(|helm| helm.template_faults());
        faults.iter().flatten().map(ToString::to_string).collect()
    }

    fn save(
        &self,
        changes: Vec<SettingChange>,
        by: String,
    ) -> BoxFuture<'_, Result<(), SaveError>> {
        Box::pin(async move {
            let helm = self.0.upgrade().ok_or(SaveError::Conflict)?;
            save(&helm.app(), &changes, &by).await?;
            helm.reload().await.map_err(refused)
        })
    }

    fn send_test_mail(&self, to: EmailAddress) -> BoxFuture<'_, TestMailResult> {
        Box::pin(async move {
            match self.0.upgrade() {
                Some(helm) => helm.app().try_sending(&to).await,
                None => TestMailResult::ShuttingDown,
            }
        })
    }
}

async fn save(app: &App, changes: &[SettingChange], by: &str) -> Result<(), SaveError> {
    let now = app.clock.now();
    for _ in 0..TRIES {
        let saved = app.store.saved_settings().await?;
        let changed = app
            .sources
            .change(&saved.values, changes)
            .map_err(|error| refused(error.into()))?;
        let settings = app
            .sources
            .settings(&changed)
            .map_err(|error| refused(error.into()))?;
        let tried = App {
            settings: Arc::new(settings),
            ..app.clone()
        };
        ReloadHandle::validate(&tried).map_err(refused)?;
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

fn refused(error: AppError) -> SaveError {
    match error {
        AppError::Store(error) => SaveError::Store(error),
        AppError::Settings(error) => SaveError::Invalid(refusals(&error)),
        other => SaveError::Invalid(vec![SettingError {
            key: None,
            message: other.to_string(),
        }]),
    }
}

fn refusals(error: &ConfigErrors) -> Vec<SettingError> {
    let refusal = |fault: &ConfigError| match fault {
        ConfigError::Key { key, says, .. } => SettingError {
            key: Some(key.clone()),
            message: says.clone(),
        },
        other => SettingError {
            key: None,
            message: other.to_string(),
        },
    };
    error.faults().iter().map(refusal).collect()
}
