//! The way to the mail server, and what becomes of a copy when there is none.

use std::time::Duration;

use crate::delivery::circuit_breaker::BreakerState;
use crate::delivery::connection::Dispatcher;
use crate::delivery::recorder::AttemptResult;
use crate::domain::delivery::outcome::{Outcome, SmtpResult};
use crate::mail::transport::Channel;
use crate::store::ClaimedDelivery;

/// Waits between tries to reach the server, for one job; then the job waits its turn
/// and the next one is tried.
const CONNECT_BACKOFF: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

impl Dispatcher {
    /// Reaches the server, or tells why not. `None` when the process is to stop.
    pub(super) async fn open(&self, job: &ClaimedDelivery) -> Result<Option<Channel>, SmtpResult> {
        let mut waits = CONNECT_BACKOFF.iter();
        let mut on_trial = false;
        loop {
            let turn = tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                turn = self.gate.acquire_probe() => turn,
            };
            // Whoever tries on behalf of all does so until it is known.
            if !on_trial {
                match self.entrance(job).await {
                    BreakerState::Open(why) => return Err(why),
                    BreakerState::HalfOpen => on_trial = true,
                    BreakerState::Closed => {}
                }
            }
            let opened = tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                opened = self.deliveries.transport.open() => opened,
            };
            let failed = match opened {
                Ok(channel) => {
                    self.gate.record_login();
                    return Ok(Some(channel));
                }
                Err(failed) => failed,
            };
            self.throttle.observe(failed.outcome);
            if matches!(failed.outcome, Outcome::Halted(_)) {
                self.gate.trip(failed.clone());
            }
            drop(turn);
            let wait = waits.next().filter(|_| {
                matches!(failed.outcome, Outcome::Deferred(_)) && self.throttle.allows(self.number)
            });
            let Some(wait) = wait else { return Err(failed) };
            tracing::warn!(delivery = %job.id, says = %failed.reply, "the mail server cannot be reached");
            tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(*wait) => {}
            }
        }
    }

    /// Shut where the server let nobody in a moment ago. Whoever has resumed an issue that was
    /// paused for it says that it will.
    async fn entrance(&self, job: &ClaimedDelivery) -> BreakerState {
        let was_paused = job.issue.filter(|issue| self.gate.was_paused(issue));
        let entrance = self.gate.state();
        if matches!(entrance, BreakerState::Open(_))
            && let Some(issue) = was_paused
            && let Ok(running) = self.deliveries.store.sending_issues().await
            && running.contains(&issue)
        {
            self.gate.reset();
            return BreakerState::Closed;
        }
        entrance
    }

    /// Marks and unmarks a job that never reached a server: it waits, and is not charged.
    pub(super) async fn not_reached(
        &self,
        job: &ClaimedDelivery,
        failed: SmtpResult,
    ) -> Option<AttemptResult> {
        if !self.commit(None, Some(job.into())).await {
            self.give_back(job).await;
            return None;
        }
        Some(self.unreachable(job, failed))
    }
}
