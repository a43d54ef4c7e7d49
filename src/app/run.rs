//! What runs: the web, the schedule, the delivery and the housekeeping.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{App, AppError, listing};
use crate::delivery::Engine;
use crate::subscription::CapLimits;
use crate::web::{self, Web};
use crate::worker::{Housekeeping, Plan, Scheduler};

impl App {
    fn plan(&self) -> Plan {
        let schedule = &self.settings.schedule;
        Plan {
            schedule: schedule.plan.clone(),
            catch_up: schedule.catch_up,
            enabled: schedule.enabled,
        }
    }

    /// Serves HTTP on `listener`, follows the schedule and delivers, until `stop`.
    ///
    /// # Errors
    /// When a part cannot be made; once running, failures are logged and outlived.
    pub async fn serve(
        &self,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> Result<(), AppError> {
        let web = self.web()?;
        let tracker = self.start_work(&stop)?;
        tracing::info!(address = %listener.local_addr()?, "listening");
        let served = web::serve(web, listener, stop.clone()).await;
        stop.cancel();
        tracker.wait().await;
        Ok(served?)
    }

    /// Follows the schedule and delivers, until `stop`.
    ///
    /// # Errors
    /// As [`Self::serve`].
    pub async fn work(&self, stop: CancellationToken) -> Result<(), AppError> {
        let tracker = self.start_work(&stop)?;
        tracing::info!("working");
        tracker.wait().await;
        Ok(())
    }

    /// What makes the week's issue when its time comes.
    ///
    /// # Errors
    /// When a template has a fault.
    pub fn scheduler(&self) -> Result<Scheduler, AppError> {
        let ready = self.settings.ready_to_send().is_ok();
        Ok(Scheduler {
            digests: self.digests()?,
            plan: self.plan(),
            ready,
        })
    }

    fn start_work(&self, stop: &CancellationToken) -> Result<TaskTracker, AppError> {
        let ready = self.settings.ready_to_send();
        if let Err(missing) = &ready {
            for missing in missing {
                tracing::warn!("{missing}");
            }
        }
        let scheduler = self.scheduler()?;
        let engine = Engine::new(self.deliveries()?);
        let housekeeping = Housekeeping {
            store: self.store.clone(),
            clock: Arc::clone(&self.clock),
        };
        let tracker = TaskTracker::new();
        // Without a sender nothing may reach a real server; it waits in the queue. The
        // outbox is for trying things out.
        if ready.is_ok() || self.settings.smtp.url.is_none() {
            let stop = stop.clone();
            tracker.spawn(async move { engine.run(stop).await });
        }
        let scheduler_stop = stop.clone();
        tracker.spawn(async move { scheduler.run(scheduler_stop).await });
        let housekeeping_stop = stop.clone();
        tracker.spawn(async move { housekeeping.run(housekeeping_stop).await });
        tracker.close();
        Ok(tracker)
    }

    /// The web, as tests and `serve` use it.
    ///
    /// # Errors
    /// When a template has a fault.
    pub fn web(&self) -> Result<Web, AppError> {
        let limits = &self.settings.limits;
        Ok(Web {
            store: self.store.clone(),
            subscriptions: self.subscriptions(),
            digests: self.digests()?,
            outbox: self.settings.smtp.url.is_none().then(|| self.outbox()),
            mail_goes_to: self.transport()?.place(),
            keys: Arc::clone(&self.keys),
            clock: Arc::clone(&self.clock),
            random: Arc::clone(&self.random),
            door: web::Door {
                public_url: self.settings.server.public_url.clone(),
                trusted_proxies: self.settings.server.trusted_proxies.clone(),
                minimum_fill: limits.minimum_fill,
                caps: CapLimits {
                    per_ip_hour: limits.signups_per_ip_hour,
                    per_domain_hour: limits.signups_per_domain_hour,
                },
            },
            schedule: self.plan().schedule,
            schedule_enabled: self.settings.schedule.enabled,
            settings: listing::sections(&self.settings),
            not_ready: self
                .settings
                .ready_to_send()
                .err()
                .unwrap_or_default()
                .iter()
                .map(ToString::to_string)
                .collect(),
        })
    }
}
