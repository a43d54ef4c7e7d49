//! Group commit: records results and marks the next deliveries as `sending`.
//!
//! Dispatchers send requests; the recorder commits all waiting requests in one
//! transaction and responds to each dispatcher afterwards. A delivery is marked only if it
//! is still leased, wanted by its subscriber and part of a running issue, so unsubscribing,
//! pausing and cancelling are exact to the message. While the database fails, results stay
//! in memory and the commit is retried. A commit is idempotent, so it can be repeated after
//! a lost acknowledgement. Lock order: issue rows first, then delivery rows.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::delivery::last_reply::LastReplies;
use crate::delivery::outcome::AttemptResult;
use crate::delivery::policy_rejections::PolicyRejections;
use crate::delivery::service::DeliveryService;
use crate::domain::delivery::DeliveryId;
use crate::domain::ids::WorkerId;
use crate::store::{GroupCommit, SendIntent};

/// Request of a dispatcher between two messages.
#[derive(Debug)]
pub(crate) struct CommitRequest {
    /// Result of the previous attempt.
    pub(crate) result: Option<AttemptResult>,
    /// The delivery to send next.
    pub(crate) next: Option<SendIntent>,
    /// Receives whether `next` may be sent, after the commit.
    pub(crate) respond: oneshot::Sender<bool>,
}

/// Maximum number of requests per commit.
///
/// A dispatcher has one request at a time, so this exceeds the number of connections.
const MAX_BATCH: usize = 500;

/// Delay before a failed commit is retried.
const COMMIT_RETRY_DELAY: Duration = Duration::from_secs(1);

/// How long a commit may still take after results are to be abandoned.
const FINAL_COMMIT_TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum wait for further results before a commit.
///
/// A commit costs about the same for many rows as for one, but its dispatchers are idle
/// until it returns.
const MAX_GATHER_TIME: Duration = Duration::from_millis(1);

/// Fraction (two fifths) of the messages in transfer for which a commit waits.
const GATHER_FRACTION: (usize, usize) = (2, 5);

impl DeliveryService {
    /// Serves the dispatchers until all of them have ended.
    ///
    /// After `abandon_results` results that cannot be committed are dropped; another worker
    /// then recovers these deliveries as in doubt.
    pub(crate) async fn run_recorder(
        self,
        worker: WorkerId,
        mut requests: mpsc::Receiver<CommitRequest>,
        abandon_results: CancellationToken,
    ) {
        let mut batch = Vec::with_capacity(MAX_BATCH);
        let mut rejections = PolicyRejections::default();
        let mut replies = LastReplies::default();
        let mut in_transfer: usize = 0;
        while requests.recv_many(&mut batch, MAX_BATCH).await > 0 {
            let target = in_transfer * GATHER_FRACTION.0 / GATHER_FRACTION.1;
            collect_batch(&mut requests, &mut batch, target).await;
            let commit = build_commit(&batch, &mut rejections);
            let may_send = self.commit(worker, &commit, &abandon_results).await;
            fail_point!("before-acknowledgement");
            for request in batch.drain(..) {
                if let Some(result) = &request.result {
                    replies.record(result);
                    in_transfer = in_transfer.saturating_sub(1);
                }
                let may_send = request.next.is_some_and(|next| may_send.contains(&next.id));
                in_transfer += usize::from(may_send);
                // Fails if the dispatcher has ended; then no response is needed.
                let _ = request.respond.send(may_send);
            }
            if self.store_last_replies(&mut replies).await {
                rejections.mark_active(&self.issues_with_rejections().await);
            }
        }
    }

    /// Commits until it succeeds. Returns the deliveries that may be sent now.
    #[tracing::instrument(
        name = "delivery.commit",
        level = "debug",
        skip_all,
        fields(
            worker.id = %worker,
            results = commit.updates.len(),
            intents = commit.intents.len()
        )
    )]
    async fn commit(
        &self,
        worker: WorkerId,
        commit: &GroupCommit,
        abandon_results: &CancellationToken,
    ) -> HashSet<DeliveryId> {
        let results = commit.updates.len();
        loop {
            fail_point!("before-commit");
            let committed = tokio::select! {
                committed = self.store.record(&worker, commit, self.now()) => committed,
                () = final_deadline(abandon_results) => {
                    tracing::error!(results, "cannot commit delivery results; deliveries left in doubt");
                    return HashSet::new();
                }
            };
            match committed {
                Ok(recorded) => {
                    for (issue, _) in &recorded.paused {
                        // The reason is not logged, because the server's reply may contain
                        // an address. The admin UI shows it.
                        tracing::error!(issue.id = %issue, "issue paused: sender-side rejections");
                    }
                    return recorded.may_send;
                }
                Err(error) => {
                    tracing::error!(%error, results, "cannot commit delivery results; retrying");
                    tokio::select! {
                        () = final_deadline(abandon_results) => {}
                        () = tokio::time::sleep(COMMIT_RETRY_DELAY) => {}
                    }
                }
            }
        }
    }
}

/// Waits up to [`MAX_GATHER_TIME`] until `batch` has `target` requests.
async fn collect_batch(
    requests: &mut mpsc::Receiver<CommitRequest>,
    batch: &mut Vec<CommitRequest>,
    target: usize,
) {
    let collect =
        async { while batch.len() < target && requests.recv_many(batch, MAX_BATCH).await > 0 {} };
    let _ = tokio::time::timeout(MAX_GATHER_TIME, collect).await;
}

/// Waits until [`FINAL_COMMIT_TIMEOUT`] after results are to be abandoned.
async fn final_deadline(abandon_results: &CancellationToken) {
    abandon_results.cancelled().await;
    tokio::time::sleep(FINAL_COMMIT_TIMEOUT).await;
}

fn build_commit(batch: &[CommitRequest], rejections: &mut PolicyRejections) -> GroupCommit {
    let mut commit = GroupCommit::default();
    for request in batch {
        commit.intents.extend(request.next.clone());
        let Some(result) = &request.result else {
            continue;
        };
        commit.updates.push(result.update.clone());
        let Some(issue) = result.issue else { continue };
        if let Some(reason) = &result.pause_reason {
            commit.pauses.push((issue, reason.clone()));
        }
        rejections.record(issue, result, &mut commit);
    }
    commit
}
