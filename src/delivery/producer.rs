//! Claims deliveries ahead of the dispatchers, and runs pending fan-outs.
//!
//! Lease protocol: a claim sets `queued` or `deferred` rows to `leased` with this worker's
//! id in one statement. A lease has no expiry time; it ends when the recorder commits a
//! result, when the worker releases it, or when another worker declares this one dead (see
//! [`heartbeat`](crate::delivery::heartbeat)). After a failed claim the outcome is unknown,
//! because the statement may have been committed. The producer then waits for the database
//! and ends, and the engine restarts under a new worker id, which recovers those leases.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::delivery::batch_size::AdaptiveBatchSize;
use crate::delivery::service::DeliveryService;
use crate::domain::clock::Timestamp;
use crate::domain::ids::{IssueId, WorkerId};
use crate::store::{ClaimedDelivery, FanOutBatch, StoreError};

/// Delay before the next claim when the queue has just become empty.
///
/// Short, because the issue is marked as sent by the first claim after its last delivery.
const MIN_POLL: Duration = Duration::from_millis(25);

/// Upper limit of the delay between two claims.
///
/// The delay doubles while the queue is empty. The limit keeps the start of a new issue
/// within two seconds.
const MAX_POLL: Duration = Duration::from_millis(400);

/// Delay between two pings while the database fails.
const ERROR_BACKOFF: Duration = Duration::from_secs(2);

/// Delay between two polls for issues whose fan-out is pending.
const FAN_OUT_POLL: Duration = Duration::from_millis(400);

/// Due time of the last claimed delivery of an issue.
///
/// The next claim continues there.
#[derive(Debug, Default)]
struct ClaimCursor(Option<(IssueId, Timestamp)>);

impl ClaimCursor {
    /// Returns the due times from which to claim, in order.
    ///
    /// First the position of the last claim, so that the statement skips index entries of
    /// claimed rows; then the beginning, where released deliveries may have come back.
    fn start_positions(&self, issue: &IssueId) -> impl Iterator<Item = Timestamp> + use<> {
        let last = self.0.filter(|(claimed, _)| claimed == issue);
        let last = last.map(|(_, due_at)| due_at);
        last.into_iter().chain([Timestamp::EPOCH])
    }
}

impl DeliveryService {
    /// Keeps `deliveries` filled until `stop` is cancelled or a claim fails.
    ///
    /// Claimed deliveries that no dispatcher has taken are released when the worker
    /// unregisters.
    pub(crate) async fn run_producer(
        self,
        worker: WorkerId,
        deliveries: mpsc::Sender<ClaimedDelivery>,
        stop: CancellationToken,
    ) {
        let mut batch_size = AdaptiveBatchSize::new(self.settings.connections);
        let mut cursor = ClaimCursor::default();
        let mut poll = MIN_POLL;
        loop {
            let free = deliveries.max_capacity() - batch_size.refill_threshold();
            let permits = tokio::select! {
                () = stop.cancelled() => return,
                permits = deliveries.reserve_many(free) => permits,
            };
            let Ok(permits) = permits else { return };
            fail_point!("claiming");
            let claimed = match self.claim(worker, &mut cursor, batch_size.current()).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    tracing::warn!(%error, "cannot claim deliveries; restarting worker");
                    return self.wait_for_database(&stop).await;
                }
            };
            let buffered = deliveries.max_capacity() - deliveries.capacity() - permits.len();
            batch_size.record_claim(buffered, claimed.len(), Instant::now());
            if !claimed.is_empty() {
                fail_point!("claimed");
                poll = MIN_POLL;
                for (permit, delivery) in permits.zip(claimed) {
                    permit.send(delivery);
                }
                continue;
            }
            poll = MAX_POLL.min(poll * 2);
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(poll) => {}
            }
        }
    }

    /// Waits until the database responds.
    ///
    /// Until then this worker stays registered and keeps its uncommitted results.
    async fn wait_for_database(&self, stop: &CancellationToken) {
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

    /// Claims up to `limit` due deliveries.
    ///
    /// Transactional mail goes first, because a subscriber is waiting for it; then issues,
    /// the oldest first. An empty claim marks completed issues as sent.
    #[tracing::instrument(
        name = "delivery.claim",
        level = "debug",
        skip_all,
        fields(worker.id = %worker, limit = limit)
    )]
    async fn claim(
        &self,
        worker: WorkerId,
        cursor: &mut ClaimCursor,
        limit: usize,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let now = self.now();
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let transactional = self.store.claim_transactional(&worker, limit, now).await?;
        if !transactional.is_empty() {
            return Ok(transactional);
        }
        let issues = self.store.sending_issues().await?;
        for issue in &issues {
            for from in cursor.start_positions(issue) {
                let claimed = self
                    .store
                    .claim_issue(&worker, issue, from, limit, now)
                    .await?;
                if let Some(last) = claimed.iter().map(|delivery| delivery.due_at).max() {
                    cursor.0 = Some((*issue, last));
                    return Ok(claimed);
                }
            }
        }
        if !issues.is_empty() {
            let finished = self.store.finish_issues(self.now()).await?;
            if finished > 0 {
                tracing::info!(issues = finished, "issue sent; no delivery remains");
            }
        }
        Ok(Vec::new())
    }

    /// Inserts the deliveries of frozen issues, until the task is aborted.
    ///
    /// Runs concurrently with sending. Another worker continues an interrupted fan-out.
    pub(crate) async fn run_fan_outs(self) {
        loop {
            if let Err(error) = self.store.run_fan_outs(FanOutBatch::Small).await {
                tracing::warn!(%error, "cannot insert deliveries of an issue; retrying");
            }
            tokio::time::sleep(FAN_OUT_POLL).await;
        }
    }
}
