//! What is in force, and how something else comes into force while all goes on.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::app::settings_service::AppSettingsService;
use crate::app::{App, AppError};
use crate::delivery::DeliveryService;
use crate::mail::templates::{Fingerprint, TemplateError, Templates};
use crate::web::Server;
use crate::worker::Scheduler;

/// How often a process looks whether another one saved settings, and whether the owner's
/// templates changed.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// The parts as one set of settings makes them.
#[derive(Debug)]
pub(super) struct Components {
    pub app: App,
    pub scheduler: Scheduler,
    /// None while nothing may leave: without a sender nothing may reach a real server, and
    /// waits in the queue. (The outbox is for trying things out.)
    pub deliveries: Option<DeliveryService>,
}

impl Components {
    fn new(app: App) -> Result<Self, AppError> {
        let is_ready = app.settings.require_sending_settings().is_ok();
        let may_leave = is_ready || app.settings.smtp.url.is_none();
        let deliveries = match app.deliveries() {
            Err(AppError::SavedSmtp(_)) => None,
            deliveries => Some(deliveries?),
        };
        Ok(Self {
            scheduler: app.scheduler()?,
            deliveries: deliveries.filter(|_| may_leave),
            app,
        })
    }
}

/// Of a running process.
#[derive(Debug)]
pub(super) struct ReloadHandle {
    in_force: watch::Sender<Arc<Components>>,
    /// A worker has none.
    front: OnceLock<Arc<Server>>,
    /// One change at a time.
    turn: tokio::sync::Mutex<()>,
    template_faults: Mutex<Vec<TemplateError>>,
}

impl ReloadHandle {
    /// # Errors
    /// When a part cannot be made.
    pub fn new(mut app: App) -> Result<Arc<Self>, AppError> {
        app.templates = Some(app.templates()?);
        for missing in app
            .settings
            .require_sending_settings()
            .err()
            .unwrap_or_default()
        {
            tracing::warn!("{missing}");
        }
        Ok(Arc::new(Self {
            in_force: watch::Sender::new(Arc::new(Components::new(app)?)),
            front: OnceLock::new(),
            turn: tokio::sync::Mutex::default(),
            template_faults: Mutex::default(),
        }))
    }

    /// The web, which follows what is in force from now on.
    pub fn build_server(self: &Arc<Self>) -> Result<Arc<Server>, AppError> {
        let web = self.app().web(Arc::new(AppSettingsService::of(self)))?;
        let front = Server::new(web).map_err(std::io::Error::other)?;
        Ok(Arc::clone(self.front.get_or_init(|| Arc::new(front))))
    }

    pub fn subscribe(&self) -> watch::Receiver<Arc<Components>> {
        self.in_force.subscribe()
    }

    pub fn app(&self) -> App {
        self.in_force.borrow().app.clone()
    }

    /// What is wrong with the owner's templates since they were changed; others are in
    /// force meanwhile.
    pub fn template_faults(&self) -> Vec<TemplateError> {
        self.faults().clone()
    }

    fn faults(&self) -> std::sync::MutexGuard<'_, Vec<TemplateError>> {
        // The list is whole at any moment.
        self.template_faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether all parts can be made of `app`.
    pub fn validate(app: &App) -> Result<(), AppError> {
        Components::new(app.clone()).map(drop)
    }

    /// Brings what is saved by now into force.
    pub async fn reload(self: &Arc<Self>) -> Result<(), AppError> {
        let _turn = self.turn.lock().await;
        let app = self.app();
        if app.store.settings_revision().await? == app.revision {
            return Ok(());
        }
        let app = app.reload_saved().await?;
        let revision = app.revision;
        self.apply(app)?;
        tracing::info!(revision, "other settings are in force");
        Ok(())
    }

    /// The pages change first: who saved sees it at once, while the other parts still come
    /// to their end under the old settings.
    fn apply(self: &Arc<Self>, app: App) -> Result<(), AppError> {
        let generation = Arc::new(Components::new(app.clone())?);
        if let Some(front) = self.front.get() {
            front
                .replace(app.web(Arc::new(AppSettingsService::of(self)))?)
                .map_err(std::io::Error::other)?;
        }
        self.in_force.send_replace(generation);
        Ok(())
    }

    /// Follows what other processes save, and the owner's templates, until `stop`.
    pub async fn watch_for_changes(self: Arc<Self>, stop: CancellationToken) {
        let mut seen = self.app().revision;
        let mut files = self.fingerprint();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
            // A database that does not answer is told of by those who need it more.
            if let Ok(revision) = self.app().store.settings_revision().await
                && revision != seen
            {
                match self.reload().await {
                    Err(AppError::Store(_)) => {}
                    Ok(()) => seen = revision,
                    Err(error) => {
                        seen = revision;
                        tracing::error!(%error, "what was saved cannot come into force here");
                    }
                }
            }
            let now = self.fingerprint();
            if now != files {
                files = now;
                self.reload_templates().await;
            }
        }
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::read(self.app().settings.templates.dir.as_deref())
    }

    /// Takes the owner's templates anew, unless they are broken.
    async fn reload_templates(self: &Arc<Self>) {
        let _turn = self.turn.lock().await;
        let mut app = self.app();
        let faults = match Templates::load(app.settings.templates.dir.as_deref()) {
            Ok(templates) => {
                app.templates = Some(Arc::new(templates));
                match self.apply(app) {
                    Ok(()) => tracing::info!("the changed templates are in force"),
                    Err(error) => tracing::error!(%error, "the changed templates are not used"),
                }
                Vec::new()
            }
            Err(faults) => faults,
        };
        for fault in &faults {
            tracing::error!("a changed template is not used: {fault}");
        }
        *self.faults() = faults;
    }
}
