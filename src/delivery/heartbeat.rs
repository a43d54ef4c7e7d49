//! Who is alive is not told by clocks: each process counts its heartbeats, and one
//! whose count stands still before another's eyes is dead.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::delivery::DeliveryService;
use crate::domain::delivery::retry::LONGEST_WAIT;
use crate::domain::ids::WorkerId;
use crate::store::StoreError;

/// Between two beats, and two looks at the others.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(2);
/// A count must stand still through this many looks that succeeded …
const MISSED_BEATS: u32 = 5;
/// … over this much of the observer's own monotonic time. A database that answers
/// nobody makes nobody dead.
const DEAD_AFTER: Duration = Duration::from_secs(10);

/// Between two times, in beats, that the queue is put in order.
const TIDY: u32 = 30;

/// What one process has seen of the others' hearts.
#[derive(Debug, Default)]
struct FailureDetector {
    seen: HashMap<WorkerId, Sight>,
}

#[derive(Debug)]
struct Sight {
    beat: i64,
    since: Instant,
    looks: u32,
}

impl FailureDetector {
    /// Notes a successful look and tells who is dead by now, with the beat at which they
    /// stand.
    fn look(&mut self, beats: &[(WorkerId, i64)], now: Instant) -> Vec<(WorkerId, i64)> {
        self.seen
            .retain(|id, _| beats.iter().any(|(known, _)| known == id));
        let mut dead = Vec::new();
        for (id, beat) in beats {
            let sight = self.seen.entry(*id).or_insert(Sight {
                beat: *beat,
                since: now,
                looks: 0,
            });
            if sight.beat != *beat {
                *sight = Sight {
                    beat: *beat,
                    since: now,
                    looks: 0,
                };
            }
            sight.looks += 1;
            if sight.looks > MISSED_BEATS && now.duration_since(sight.since) >= DEAD_AFTER {
                dead.push((*id, *beat));
            }
        }
        dead
    }
}

/// What the engine needs to know of the hearts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Membership {
    /// The others may not have seen this process yet, so there is no part of a rate for it.
    Joining,
    /// So many processes are alive, this one included.
    Living(usize),
    /// Others took this process for dead, and its leases with it.
    TakenForDead,
}

/// Beats after which all others have seen a newcomer: they look once between two.
const SEEN_AFTER: u32 = 3;

impl Membership {
    /// How many share a rate with this process, itself included.
    pub fn living(self) -> usize {
        match self {
            Self::Living(living) => living,
            Self::Joining | Self::TakenForDead => 1,
        }
    }

    /// What is felt holds only when a newcomer is alone, or known to the others.
    fn after(self, beats: u32) -> Self {
        match self {
            Self::Living(others) if others > 1 && beats < SEEN_AFTER => Self::Joining,
            felt => felt,
        }
    }
}

impl DeliveryService {
    /// Beats, and takes up what the dead had leased, until it is aborted.
    pub(super) async fn run_heartbeat(
        &self,
        worker: WorkerId,
        pulse: tokio::sync::watch::Sender<Membership>,
    ) {
        let mut observer = FailureDetector::default();
        let mut beats = 0;
        let mut ticks = tokio::time::interval(HEARTBEAT_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            if beats % TIDY == 0 {
                self.tidy().await;
            }
            match self.beat(worker, &mut observer).await {
                Ok(felt) => {
                    beats += 1;
                    let felt = felt.after(beats);
                    let _ = pulse.send(felt);
                    if felt == Membership::TakenForDead {
                        return;
                    }
                }
                Err(error) => tracing::warn!(%error, "no heartbeat: the database does not answer"),
            }
        }
    }

    /// Brings near what a clock that was ahead has put off for too long, and keeps looks at
    /// a running issue cheap.
    async fn tidy(&self) {
        let now = self.now();
        let tidied = async {
            self.store.cap_due_at(now.plus(LONGEST_WAIT), now).await?;
            self.store.compact_counts().await
        };
        if let Err(error) = tidied.await {
            tracing::debug!(%error, "the queue is put in order later");
        }
    }

    async fn beat(
        &self,
        worker: WorkerId,
        observer: &mut FailureDetector,
    ) -> Result<Membership, StoreError> {
        if !self.store.heartbeat(&worker).await? {
            return Ok(Membership::TakenForDead);
        }
        let workers = self.store.workers().await?;
        let others: Vec<_> = workers
            .into_iter()
            .filter(|(id, _)| *id != worker)
            .collect();
        let dead = observer.look(&others, Instant::now());
        let policy = self.policy.in_doubt;
        for (id, beat) in &dead {
            if self
                .store
                .reclaim_leases(id, *beat, policy, self.now())
                .await?
            {
                tracing::warn!(worker = %id, "a process died; its deliveries are taken up");
            }
        }
        if self.store.reclaim_orphans(policy, self.now()).await? > 0 {
            tracing::warn!("deliveries were left behind; they are taken up");
        }
        Ok(Membership::Living(1 + others.len() - dead.len()))
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
    fn a_heart_that_stands_still_is_dead_and_no_sooner() {
        let start = Instant::now();
        let mut observer = FailureDetector::default();
        for seconds in [0, 2, 4, 6, 8] {
            assert!(
                observer
                    .look(&[(worker(), 7)], start + Duration::from_secs(seconds))
                    .is_empty()
            );
        }
        assert_eq!(
            observer.look(&[(worker(), 7)], start + Duration::from_secs(10)),
            [(worker(), 7)]
        );
    }

    #[test]
    fn a_newcomer_has_no_part_of_the_rate_before_the_others_know() {
        assert_eq!(Membership::Living(1).after(1), Membership::Living(1));
        assert_eq!(Membership::Living(2).after(1), Membership::Joining);
        assert_eq!(
            Membership::Living(2).after(SEEN_AFTER),
            Membership::Living(2)
        );
        assert_eq!(Membership::TakenForDead.after(1), Membership::TakenForDead);
    }

    #[test]
    fn a_beat_begins_the_count_anew() {
        let start = Instant::now();
        let mut observer = FailureDetector::default();
        for (beat, seconds) in (0..).zip((0..60).step_by(9)) {
            assert!(
                observer
                    .look(&[(worker(), beat)], start + Duration::from_secs(seconds))
                    .is_empty()
            );
        }
    }

    #[test]
    fn a_database_that_did_not_answer_makes_nobody_dead() {
        let start = Instant::now();
        let mut observer = FailureDetector::default();
        observer.look(&[(worker(), 7)], start);
        assert!(
            observer
                .look(&[(worker(), 7)], start + Duration::from_secs(60))
                .is_empty()
        );
    }
}
