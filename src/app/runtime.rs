//! Runs the web server and the background loops.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::components::Components;
use crate::app::context::App;
use crate::app::error::AppError;
use crate::app::reload::ReloadHandle;
use crate::app::settings_service::AppSettingsService;
use crate::delivery::Engine;
use crate::worker::Housekeeping;

impl App {
    /// Runs HTTP on `listener`, the schedule and delivery until `stop` is cancelled.
    /// Settings that are saved in the meantime are applied without a restart.
    ///
    /// # Errors
    /// As [`Self::work`], and [`AppError::Web`] if the web server cannot be built or its
    /// listener fails.
    pub async fn serve(
        &self,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> Result<(), AppError> {
        self.list_work.remove_old_uploads();
        let reload = ReloadHandle::new(self.clone())?;
        let server = reload.build_server(Arc::new(AppSettingsService::new(&reload)))?;
        let tracker = self.start_workers(&reload, &stop);
        tracing::info!(address = %listener.local_addr()?, "web server listening");
        let served = server.serve(listener, stop.clone()).await;
        stop.cancel();
        tracker.wait().await;
        Ok(served?)
    }

    /// Runs the schedule and delivery until `stop` is cancelled.
    ///
    /// # Errors
    /// [`AppError::Templates`], [`AppError::Dkim`], [`AppError::PasswordFile`],
    /// [`AppError::Smtp`] or [`AppError::Hello`] if a service cannot be built. Later errors
    /// are logged, and the loops continue.
    pub async fn work(&self, stop: CancellationToken) -> Result<(), AppError> {
        let reload = ReloadHandle::new(self.clone())?;
        let tracker = self.start_workers(&reload, &stop);
        tracing::info!("delivery worker started");
        tracker.wait().await;
        Ok(())
    }

    fn start_workers(&self, reload: &Arc<ReloadHandle>, stop: &CancellationToken) -> TaskTracker {
        let housekeeping = Housekeeping {
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
        };
        let tracker = TaskTracker::new();
        let shutdown = stop.clone();
        let deliver = move |components, stop| deliver(components, stop, shutdown.clone());
        tracker.spawn(run_with_reload(reload.subscribe(), stop.clone(), deliver));
        tracker.spawn(run_with_reload(reload.subscribe(), stop.clone(), schedule));
        tracker.spawn(Arc::clone(reload).watch_for_changes(stop.clone()));
        let stop = stop.clone();
        tracker.spawn(async move { housekeeping.run(stop).await });
        tracker.close();
        tracker
    }
}

async fn deliver(
    components: Arc<Components>,
    stop: CancellationToken,
    shutdown: CancellationToken,
) {
    match &components.deliveries {
        Some(deliveries) => Engine::new(deliveries.clone()).run(stop, shutdown).await,
        None => stop.cancelled().await,
    }
}

async fn schedule(components: Arc<Components>, stop: CancellationToken) {
    components.scheduler.run(stop).await;
}

/// Runs `service` with the current components. When they are replaced, stops it, waits
/// until it has completed, and starts it again with the new ones.
async fn run_with_reload<F: Future<Output = ()>>(
    mut current: watch::Receiver<Arc<Components>>,
    stop: CancellationToken,
    service: impl Fn(Arc<Components>, CancellationToken) -> F,
) {
    while !stop.is_cancelled() {
        let components = Arc::clone(&current.borrow_and_update());
        let stop_service = stop.child_token();
        let replaced = async {
            tokio::select! {
                () = stop.cancelled() => {}
                changed = current.changed() => {
                    // The sender is gone, so nothing changes any longer.
                    if changed.is_err() {
                        stop.cancelled().await;
                    }
                }
            }
            stop_service.cancel();
        };
        tokio::join!(service(components, stop_service.clone()), replaced);
    }
}
