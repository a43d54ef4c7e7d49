//! The way to the mail server, and what becomes of a copy when there is none.

use std::time::Duration;

use super::connection::Connection;
use super::recorder::Done;
use crate::domain::outcome::{Outcome, Report};
use crate::mail::transport::Channel;
use crate::store::Leased;

/// Waits between tries to reach the server, for one job; then the job waits its turn
/// and the next one is tried.
const REACH: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

impl Connection {
    /// Reaches the server, or tells why not. `None` when the process is to stop.
    pub(super) async fn open(&self, job: &Leased) -> Result<Option<Channel>, Report> {
        let mut turn = tokio::select! {
            () = self.stop.cancelled() => return Ok(None),
            turn = self.gate.turn() => turn,
        };
        if let Some(refusal) = self.kept_out(job).await {
            return Err(refusal);
        }
        let mut waits = REACH.iter();
        loop {
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
            drop(turn.take());
            let wait = waits.next().filter(|_| {
                matches!(failed.outcome, Outcome::Deferred(_)) && self.throttle.allows(self.number)
            });
            let Some(wait) = wait else { return Err(failed) };
            tracing::warn!(delivery = %job.id, says = %failed.says, "the mail server cannot be reached");
            tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(*wait) => {}
            }
        }
    }

    /// Why the server is not even asked: it let nobody in a moment ago. Whoever has resumed
    /// an issue that was paused for it says that it will.
    async fn kept_out(&self, job: &Leased) -> Option<Report> {
        let was_paused = job.issue.filter(|issue| self.gate.has_paused(issue));
        let refusal = self.gate.refusal()?;
        if let Some(issue) = was_paused
            && let Ok(running) = self.deliveries.store.sending_issues().await
            && running.contains(&issue)
        {
            self.gate.forget();
            return None;
        }
        Some(refusal)
    }

    /// Marks and unmarks a job that never reached a server: it waits, and is not charged.
    pub(super) async fn not_reached(&self, job: &Leased, failed: Report) -> Option<Done> {
        if !self.commit(None, Some(job.into())).await {
            self.give_back(job).await;
            return None;
        }
        Some(self.unreached(job, failed))
    }
}
