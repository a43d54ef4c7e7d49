//! Failure detector and lease recovery.
//!
//! Each worker increments a counter in the database every 2 s and reads the counters of
//! the others. A worker whose counter does not change for 5 successful polls and 10 s of
//! the observer's monotonic clock is declared dead; its leases are reclaimed and its row
//! is deleted. Wall clocks are not compared. Failed polls do not count, so a database
//! outage declares no worker dead. A worker that finds its own row deleted is evicted: it
//! drops all work and the engine restarts under a new worker id.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::delivery::service::DeliveryService;
use crate::domain::delivery::retry::MAX_RETRY_DELAY;
use crate::domain::ids::WorkerId;
use crate::store::StoreError;

/// Time between two heartbeats, and between two polls of the other workers.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(2);

/// Number of successful polls without a change before a worker is declared dead.
const MISSED_BEATS: u32 = 5;

/// Minimum time without a change before a worker is declared dead.
///
/// Ten seconds, so that leases are reclaimed within 15 s of a crash.
const DEAD_AFTER: Duration = Duration::from_secs(10);

/// Heartbeats after which all other workers have seen a new worker.
///
/// The others poll once per [`HEARTBEAT_INTERVAL`]; the third leaves room for a late poll.
const VISIBLE_AFTER_BEATS: u32 = 3;

/// Number of heartbeats between two runs of queue maintenance (one minute).
const MAINTENANCE_EVERY_BEATS: u32 = 30;

/// The heartbeat counters of the other workers, as one worker has observed them.
#[derive(Debug, Default)]
struct FailureDetector {
    observed: HashMap<WorkerId, Observation>,
}

#[derive(Debug)]
struct Observation {
    counter: i64,
    /// When `counter` was first observed.
    since: Instant,
    /// Number of successful polls that found `counter`.
    polls: u32,
}

impl Observation {
    fn new(counter: i64, now: Instant) -> Self {
        Self {
            counter,
            since: now,
            polls: 0,
        }
    }
}

impl FailureDetector {
    /// Records a successful poll. Returns the dead workers with their last counter.
    fn observe(&mut self, counters: &[(WorkerId, i64)], now: Instant) -> Vec<(WorkerId, i64)> {
        self.observed
            .retain(|id, _| counters.iter().any(|(listed, _)| listed == id));
        let mut dead = Vec::new();
        for (id, counter) in counters {
            let observation = self
                .observed
                .entry(*id)
                .or_insert_with(|| Observation::new(*counter, now));
            if observation.counter != *counter {
                *observation = Observation::new(*counter, now);
            }
            observation.polls += 1;
            let is_dead = observation.polls > MISSED_BEATS
                && now.duration_since(observation.since) >= DEAD_AFTER;
            if is_dead {
                dead.push((*id, *counter));
            }
        }
        dead
    }
}

/// Whether this worker belongs to the group of living workers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Membership {
    /// Registered but not yet seen by all workers; has no share of the rate limit.
    Joining,
    /// Number of living workers, including this one.
    Alive(usize),
    /// Declared dead by another worker, which has reclaimed the leases of this one.
    Evicted,
}

impl Membership {
    /// Returns the number of workers that share the rate limit, including this one.
    pub(crate) fn alive_workers(self) -> usize {
        match self {
            Self::Alive(workers) => workers,
            Self::Joining | Self::Evicted => 1,
        }
    }

    /// Returns [`Self::Joining`] until all other workers have seen this one.
    ///
    /// `beats` is the number of heartbeats this worker has sent. A single worker never waits.
    fn limited_by_visibility(self, beats: u32) -> Self {
        match self {
            Self::Alive(workers) if workers > 1 && beats < VISIBLE_AFTER_BEATS => Self::Joining,
            membership => membership,
        }
    }
}

impl DeliveryService {
    /// Sends heartbeats and reclaims the leases of dead workers.
    ///
    /// Runs until the task is aborted or the worker is evicted.
    pub(crate) async fn run_heartbeat(
        self,
        worker: WorkerId,
        membership_sender: watch::Sender<Membership>,
    ) {
        let mut detector = FailureDetector::default();
        let mut beats = 0;
        let mut ticks = tokio::time::interval(HEARTBEAT_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if beats % MAINTENANCE_EVERY_BEATS == 0 {
                self.maintain_queue().await;
            }
            match self.beat(worker, &mut detector).await {
                Ok(membership) => {
                    beats += 1;
                    let membership = membership.limited_by_visibility(beats);
                    // Without receivers the engine is ending, and aborts this task.
                    let _ = membership_sender.send(membership);
                    if membership == Membership::Evicted {
                        return;
                    }
                }
                Err(error) => tracing::warn!(%error, "cannot record heartbeat; retrying"),
            }
        }
    }

    /// Caps due times set by a fast clock, and compacts the delivery counts.
    async fn maintain_queue(&self) {
        let now = self.now();
        let maintained = async {
            self.store
                .cap_due_at(now.plus(MAX_RETRY_DELAY), now)
                .await?;
            self.store.compact_counts().await
        };
        if let Err(error) = maintained.await {
            tracing::debug!(%error, "cannot maintain queue; retrying");
        }
    }

    /// Records one heartbeat, polls the other workers and reclaims leases.
    async fn beat(
        &self,
        worker: WorkerId,
        detector: &mut FailureDetector,
    ) -> Result<Membership, StoreError> {
        if !self.store.heartbeat(&worker).await? {
            return Ok(Membership::Evicted);
        }
        let workers = self.store.workers().await?;
        let others: Vec<_> = workers
            .into_iter()
            .filter(|(id, _)| *id != worker)
            .collect();
        let dead = detector.observe(&others, Instant::now());
        let policy = self.settings.in_doubt;
        for (id, counter) in &dead {
            // Returns false if the counter has changed, or if another worker was faster.
            let reclaimed = self
                .store
                .reclaim_leases(id, *counter, policy, self.now())
                .await?;
            if reclaimed {
                tracing::warn!(worker.id = %id, "worker declared dead; leases reclaimed");
            }
        }
        // A statement of a worker may be committed after its leases were reclaimed.
        let workers = self.store.reclaim_orphans(policy, self.now()).await?;
        if workers > 0 {
            tracing::warn!(workers, "leases of unregistered workers reclaimed");
        }
        Ok(Membership::Alive(1 + others.len() - dead.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Timestamp;
    use crate::domain::random::Random;

    fn worker() -> WorkerId {
        WorkerId::new(Timestamp::from_millis(1), &Random::seeded(1))
    }

    #[test]
    fn unchanged_counter_is_dead_after_ten_seconds() {
        let start = Instant::now();
        let mut detector = FailureDetector::default();

        for seconds in [0, 2, 4, 6, 8] {
            let now = start + Duration::from_secs(seconds);
            assert!(detector.observe(&[(worker(), 7)], now).is_empty());
        }

        let now = start + Duration::from_secs(10);
        assert_eq!(detector.observe(&[(worker(), 7)], now), [(worker(), 7)]);
    }

    #[test]
    fn changed_counter_restarts_detection() {
        let start = Instant::now();
        let mut detector = FailureDetector::default();

        for (counter, seconds) in (0..).zip((0..60).step_by(9)) {
            let now = start + Duration::from_secs(seconds);
            assert!(detector.observe(&[(worker(), counter)], now).is_empty());
        }
    }

    #[test]
    fn database_outage_declares_no_worker_dead() {
        let start = Instant::now();
        let mut detector = FailureDetector::default();
        detector.observe(&[(worker(), 7)], start);

        let now = start + Duration::from_secs(60);
        assert!(detector.observe(&[(worker(), 7)], now).is_empty());
    }

    #[test]
    fn new_worker_is_joining_until_others_have_seen_it() {
        let alone = Membership::Alive(1);
        let both = Membership::Alive(2);

        assert_eq!(alone.limited_by_visibility(1), alone);
        assert_eq!(both.limited_by_visibility(1), Membership::Joining);
        assert_eq!(both.limited_by_visibility(VISIBLE_AFTER_BEATS), both);
        assert_eq!(
            Membership::Evicted.limited_by_visibility(1),
            Membership::Evicted
        );
    }
}
