//! Claims batches ahead of the connections.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::delivery::DeliveryService;
use crate::delivery::batch_size::AdaptiveBatchSize;
use crate::domain::clock::Timestamp;
use crate::domain::ids::{IssueId, WorkerId};
use crate::store::{ClaimedDelivery, StoreError};

/// How soon a queue that has just become empty is looked at again: the last mails are on
/// their way, and the issue is sent as soon as they are.
const MIN_POLL: Duration = Duration::from_millis(25);
/// How soon at the latest. A new issue begins within two seconds.
const MAX_POLL: Duration = Duration::from_millis(400);
/// After the database failed.
const ERROR_BACKOFF: Duration = Duration::from_secs(2);

/// How far the claims of this process have come in the queue of one issue.
#[derive(Debug, Default)]
struct ClaimCursor(Option<(IssueId, Timestamp)>);

impl ClaimCursor {
    /// Where to look for the next copies: behind the last ones, then from the beginning,
    /// where some may have come back.
    fn froms(&self, issue: &IssueId) -> impl Iterator<Item = Timestamp> + use<> {
        let behind = self.0.filter(|(of, _)| of == issue).map(|(_, last)| last);
        behind.into_iter().chain([Timestamp::EPOCH])
    }
}

impl DeliveryService {
    /// Keeps `jobs` filled until `stop`, or until nobody knows any more what this worker has
    /// taken up.
    pub(super) async fn run_producer(
        &self,
        worker: WorkerId,
        jobs: mpsc::Sender<ClaimedDelivery>,
        stop: CancellationToken,
    ) {
        let mut appetite = AdaptiveBatchSize::new(self.policy.connections);
        let mut reached = ClaimCursor::default();
        let mut look_again = MIN_POLL;
        loop {
            // What is claimed and not yet begun goes back when the worker resigns.
            let room = tokio::select! {
                () = stop.cancelled() => return,
                room = jobs.reserve_many(jobs.max_capacity() - appetite.refill_threshold()) => room,
            };
            let Ok(room) = room else { return };
            fail_point!("claiming");
            let claimed = self
                .claim(worker, &mut reached, appetite.claim(), self.now())
                .await;
            let pause = match claimed {
                Ok(claimed) => {
                    let left = jobs.max_capacity() - jobs.capacity() - room.len();
                    appetite.note(left, claimed.len(), Instant::now());
                    if claimed.is_empty() {
                        look_again = MAX_POLL.min(look_again * 2);
                        look_again
                    } else {
                        fail_point!("claimed");
                        look_again = MIN_POLL;
                        for (room, job) in room.zip(claimed) {
                            room.send(job);
                        }
                        continue;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "nothing can be claimed: the database does not answer");
                    return self.wait_for_an_answer(&stop).await;
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// What was asked last may have been done all the same, or may yet be done: that is for
    /// another life of the engine to find out, when the database is there again. Until then
    /// this one keeps what it has to write.
    async fn wait_for_an_answer(&self, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(ERROR_BACKOFF) => {}
            }
            if self.store.ping().await.is_ok() {
                return;
            }
        }
    }

    /// Mails to single people first: someone waits for them. Then the issues, the oldest
    /// first.
    async fn claim(
        &self,
        worker: WorkerId,
        reached: &mut ClaimCursor,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mails = self.store.claim_transactional(&worker, limit, now).await?;
        if !mails.is_empty() {
            return Ok(mails);
        }
        let issues = self.store.sending_issues().await?;
        for issue in &issues {
            for from in reached.froms(issue) {
                let copies = self
                    .store
                    .claim_issue(&worker, issue, from, limit, now)
                    .await?;
                if let Some(last) = copies.iter().map(|copy| copy.due_at).max() {
                    reached.0 = Some((*issue, last));
                    return Ok(copies);
                }
            }
        }
        if !issues.is_empty() && self.store.finish_issues(self.now()).await? > 0 {
            tracing::info!("an issue is sent: every recipient is accounted for");
        }
        Ok(Vec::new())
    }
}
