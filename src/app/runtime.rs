//! What runs: the web, the schedule, the delivery and the housekeeping.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::reload::{Components, ReloadHandle};
use crate::app::{App, AppError};
use crate::delivery::Engine;
use crate::worker::{Alerts, Housekeeping, ScheduleConfig, Scheduler};

impl App {
    pub(super) fn plan(&self) -> ScheduleConfig {
        let schedule = &self.settings.schedule;
        ScheduleConfig {
            schedule: schedule.plan.clone(),
            catch_up: schedule.catch_up,
            enabled: schedule.enabled,
        }
    }

    /// Serves HTTP on `listener`, follows the schedule and delivers, until `stop`; what is
    /// saved at the desk comes into force meanwhile.
    ///
    /// # Errors
    /// When a part cannot be made; once running, failures are logged and outlived.
    pub async fn serve(
        &self,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> Result<(), AppError> {
        self.list_work.remove_old_uploads();
        let helm = ReloadHandle::new(self.clone())?;
        let front = helm.build_server()?;
        let tracker = self.start_work(&helm, &stop);
        tracing::info!(address = %listener.local_addr()?, "listening");
        let served = front.serve(listener, stop.clone()).await;
        stop.cancel();
        tracker.wait().await;
        Ok(served?)
    }

    /// Follows the schedule and delivers, until `stop`.
    ///
    /// # Errors
    /// As [`Self::serve`].
    pub async fn work(&self, stop: CancellationToken) -> Result<(), AppError> {
        let helm = ReloadHandle::new(self.clone())?;
        let tracker = self.start_work(&helm, &stop);
        tracing::info!("working");
        tracker.wait().await;
        Ok(())
    }

    /// What makes the week's issue when its time comes.
    ///
    /// # Errors
    /// When a template has a fault.
    pub fn scheduler(&self) -> Result<Scheduler, AppError> {
        Ok(Scheduler {
            digests: self.digests()?,
            plan: self.plan(),
            ready: self.settings.require_sending_settings().is_ok(),
            alerts: self.alerts(),
        })
    }

    fn alerts(&self) -> Alerts {
        let alerts = &self.settings.alerts;
        Alerts {
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
            to: alerts.to.clone(),
            draft_before: alerts.draft_before,
        }
    }

    fn start_work(&self, helm: &Arc<ReloadHandle>, stop: &CancellationToken) -> TaskTracker {
        let housekeeping = Housekeeping {
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
        };
        let tracker = TaskTracker::new();
        let ending = stop.clone();
        let deliver = move |generation, stop| deliver(generation, stop, ending.clone());
        tracker.spawn(run_with_reload(helm.subscribe(), stop.clone(), deliver));
        tracker.spawn(run_with_reload(helm.subscribe(), stop.clone(), schedule));
        tracker.spawn(Arc::clone(helm).watch_for_changes(stop.clone()));
        let stop = stop.clone();
        tracker.spawn(async move { housekeeping.run(stop).await });
        tracker.close();
        tracker
    }
}

async fn deliver(generation: Arc<Components>, stop: CancellationToken, ending: CancellationToken) {
    match &generation.deliveries {
        Some(deliveries) => Engine::new(deliveries.clone()).run(stop, ending).await,
        None => stop.cancelled().await,
    }
}

async fn schedule(generation: Arc<Components>, stop: CancellationToken) {
    generation.scheduler.run(stop).await;
}

/// Runs `part` under what is in force: when that changes the part is stopped, comes to its
/// end, and begins anew.
async fn run_with_reload<F: Future<Output = ()>>(
    mut in_force: watch::Receiver<Arc<Components>>,
    stop: CancellationToken,
    part: impl Fn(Arc<Components>, CancellationToken) -> F,
) {
    while !stop.is_cancelled() {
        let generation = Arc::clone(&in_force.borrow_and_update());
        let life = stop.child_token();
        let replaced = async {
            tokio::select! {
                () = stop.cancelled() => {}
                changed = in_force.changed() => {
                    // Without a helm nothing changes any more.
                    if changed.is_err() {
                        stop.cancelled().await;
                    }
                }
            }
            life.cancel();
        };
        tokio::join!(part(generation, life.clone()), replaced);
    }
}
