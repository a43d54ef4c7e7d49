//! The way to the mail server, and what becomes of a copy when there is none.

use std::time::Duration;

use crate::delivery::connection::Connection;
use crate::delivery::gate::Entrance;
use crate::delivery::recorder::Done;
use crate::domain::delivery::outcome::{Outcome, SmtpResult};
use crate::mail::transport::Channel;
use crate::store::ClaimedDelivery;

/// Waits between tries to reach the server, for one job; then the job waits its turn
/// and the next one is tried.
const REACH: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

impl Connection {
    /// Reaches the server, or tells why not. `None` when the process is to stop.
    pub(super) async fn open(&self, job: &ClaimedDelivery) -> Result<Option<Channel>, SmtpResult> {
        let mut waits = REACH.iter();
        let mut on_trial = false;
        loop {
            let turn = tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                turn = self.gate.turn() => turn,
            };
            // Whoever tries on behalf of all does so until it is known.
            if !on_trial {
                match self.entrance(job).await {
                    Entrance::Shut(why) => return Err(why),
                    Entrance::OnTrial => on_trial = true,
                    Entrance::Open => {}
                }
            }
            let opened = tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                opened = self.deliveries.transport.open() => opened,
            };
            let failed = match opened {
                Ok(channel) => {
                    self.gate.open();
                    return Ok(Some(channel));
                }
                Err(failed) => failed,
            };
            self.throttle.note(failed.outcome);
            if matches!(failed.outcome, Outcome::Halted(_)) {
                self.gate.shut(failed.clone());
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
    async fn entrance(&self, job: &ClaimedDelivery) -> Entrance {
        let was_paused = job.issue.filter(|issue| self.gate.has_paused(issue));
        let entrance = self.gate.entrance();
        if matches!(entrance, Entrance::Shut(_))
            && let Some(issue) = was_paused
            && let Ok(running) = self.deliveries.store.sending_issues().await
            && running.contains(&issue)
        {
            self.gate.forget();
            return Entrance::Open;
        }
        entrance
    }

    /// Marks and unmarks a job that never reached a server: it waits, and is not charged.
    pub(super) async fn not_reached(
        &self,
        job: &ClaimedDelivery,
        failed: SmtpResult,
    ) -> Option<Done> {
        if !self.commit(None, Some(job.into())).await {
            self.give_back(job).await;
            return None;
        }
        Some(self.unreached(job, failed))
    }
}
