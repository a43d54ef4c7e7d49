//! Replaces the settings and templates of a running process.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::app::components::Components;
use crate::app::context::App;
use crate::app::error::AppError;
use crate::mail::templates::{Fingerprint, TemplateError, Templates};
use crate::web::Server;
use crate::web::admin::settings::service::SettingsService;

/// How often a process checks for settings that another process saved and for changed
/// templates. One second, so that a save takes effect everywhere almost immediately.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The web server and the service that its settings pages use.
#[derive(Debug)]
struct RunningServer {
    server: Arc<Server>,
    settings_service: Arc<dyn SettingsService>,
}

/// The current components of a process, and the means to replace them.
#[derive(Debug)]
pub(super) struct ReloadHandle {
    current: watch::Sender<Arc<Components>>,
    /// Empty in a process without HTTP.
    server: OnceLock<RunningServer>,
    /// Serializes reloads.
    reloading: tokio::sync::Mutex<()>,
    template_errors: Mutex<Vec<TemplateError>>,
}

impl ReloadHandle {
    /// Builds the components from the current settings, and warns about settings that
    /// sending requires.
    pub fn new(mut app: App) -> Result<Arc<Self>, AppError> {
        app.templates = Some(app.templates()?);
        let missing = app.settings.require_sending_settings().err();
        for setting in missing.iter().flatten() {
            tracing::warn!("{setting}");
        }
        Ok(Arc::new(Self {
            current: watch::Sender::new(Arc::new(Components::new(app)?)),
            server: OnceLock::new(),
            reloading: tokio::sync::Mutex::default(),
            template_errors: Mutex::default(),
        }))
    }

    /// Builds the web server, which every reload updates from now on.
    pub fn build_server(
        &self,
        settings_service: Arc<dyn SettingsService>,
    ) -> Result<Arc<Server>, AppError> {
        let services = self.app().web(Arc::clone(&settings_service))?;
        let server = Arc::new(Server::new(services).map_err(std::io::Error::other)?);
        let running = self.server.get_or_init(|| RunningServer {
            server,
            settings_service,
        });
        Ok(Arc::clone(&running.server))
    }

    /// Returns a receiver of the current components, which is notified of each reload.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Components>> {
        self.current.subscribe()
    }

    /// Returns the context with the current settings.
    pub fn app(&self) -> App {
        self.current.borrow().app.clone()
    }

    /// Returns the errors in custom templates that were changed since the start; the last
    /// valid templates remain in use.
    pub fn template_errors(&self) -> Vec<TemplateError> {
        self.lock_template_errors().clone()
    }

    fn lock_template_errors(&self) -> MutexGuard<'_, Vec<TemplateError>> {
        // The list is replaced as a whole, so a panic of another holder leaves it valid.
        self.template_errors
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies the settings that are saved now, if they have changed.
    pub async fn reload(&self) -> Result<(), AppError> {
        let _reloading = self.reloading.lock().await;
        let app = self.app();
        if app.store.settings_revision().await? == app.revision {
            return Ok(());
        }
        let app = app.reload_saved().await?;
        let revision = app.revision;
        self.apply(app)?;
        tracing::info!(revision, "settings reloaded");
        Ok(())
    }

    /// Replaces server state and components.
    ///
    /// The server first: the admin who saved sees the change on the next page, while the
    /// background loops are still completing work with the old settings.
    fn apply(&self, app: App) -> Result<(), AppError> {
        let components = Arc::new(Components::new(app.clone())?);
        if let Some(running) = self.server.get() {
            running
                .server
                .replace(app.web(Arc::clone(&running.settings_service))?)
                .map_err(std::io::Error::other)?;
        }
        self.current.send_replace(components);
        Ok(())
    }

    /// Polls for settings saved by other processes and for changed templates until `stop`.
    pub async fn watch_for_changes(self: Arc<Self>, stop: CancellationToken) {
        let mut seen_revision = self.app().revision;
        let mut seen_files = self.template_fingerprint();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
            // A database that is unavailable is reported by the loops that depend on it.
            if let Ok(revision) = self.app().store.settings_revision().await
                && revision != seen_revision
            {
                match self.reload().await {
                    Err(AppError::Store(_)) => {}
                    Ok(()) => seen_revision = revision,
                    Err(error) => {
                        seen_revision = revision;
                        tracing::error!(%error, "cannot apply saved settings");
                    }
                }
            }
            let files = self.template_fingerprint();
            if files != seen_files {
                seen_files = files;
                self.reload_templates().await;
            }
        }
    }

    fn template_fingerprint(&self) -> Fingerprint {
        Fingerprint::read(self.app().settings.templates.dir.as_deref())
    }

    /// Loads the custom templates again; keeps the current ones if they are invalid.
    async fn reload_templates(&self) {
        let _reloading = self.reloading.lock().await;
        let mut app = self.app();
        let errors = match Templates::load(app.settings.templates.dir.as_deref()) {
            Ok(templates) => {
                app.templates = Some(Arc::new(templates));
                match self.apply(app) {
                    Ok(()) => tracing::info!("email templates reloaded"),
                    Err(error) => tracing::error!(%error, "cannot apply changed email templates"),
                }
                Vec::new()
            }
            Err(errors) => errors,
        };
        for error in &errors {
            tracing::error!(%error, "changed email template is invalid and not used");
        }
        *self.lock_template_errors() = errors;
    }
}
