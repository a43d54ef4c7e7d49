//! The group commit: outcomes in, marks out.

use std::collections::HashSet;
use std::time::Duration;

use fail::fail_point;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use crate::delivery::DeliveryService;
use crate::delivery::last_reply::LastReplies;
use crate::delivery::policy_rejections::PolicyRejections;
use crate::domain::delivery::DeliveryId;
use crate::domain::delivery::outcome::Outcome;
use crate::domain::ids::{IssueId, WorkerId};
use crate::store::{DeliveryUpdate, GroupCommit, SendIntent};

/// What a connection asks for between two mails.
#[derive(Debug)]
pub struct CommitRequest {
    /// What became of the last one.
    pub done: Option<AttemptResult>,
    /// What it would send next; the answer says whether it may.
    pub next: Option<SendIntent>,
    pub answer: oneshot::Sender<bool>,
}

#[derive(Debug)]
pub struct AttemptResult {
    pub settled: DeliveryUpdate,
    pub issue: Option<IssueId>,
    /// As the server meant it.
    pub outcome: Outcome,
    /// The issue must stop, for the reason the server gave.
    pub pause: Option<String>,
}

/// The most requests in one commit: more than there are connections is never asked.
const MOST: usize = 500;
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const LAST_TRY: Duration = Duration::from_secs(1);
/// How long a commit waits for more outcomes that are about to come, and for which part of
/// what is on the wire. What a commit costs hardly depends on how many are in it; but who
/// waits for it sends nothing.
const GATHER: Duration = Duration::from_millis(1);
const GATHERED: (usize, usize) = (2, 5);

impl DeliveryService {
    /// Serves the connections until all of them are gone. While the database does not
    /// answer, outcomes are held and tried again: what was sent must not be forgotten. Only
    /// a process that must end gives up; what it was sending is then in doubt.
    pub(super) async fn run_recorder(
        &self,
        worker: WorkerId,
        mut requests: mpsc::Receiver<CommitRequest>,
        give_up: CancellationToken,
    ) {
        let mut batch = Vec::with_capacity(MOST);
        let mut streaks = PolicyRejections::default();
        let mut words = LastReplies::default();
        let mut on_the_wire = 0;
        while requests.recv_many(&mut batch, MOST).await > 0 {
            let enough = on_the_wire * GATHERED.0 / GATHERED.1;
            collect_batch(&mut requests, &mut batch, enough).await;
            let commit = group_commit(&batch, &mut streaks);
            let begun = self.commit(worker, &commit, &give_up).await;
            fail_point!("before-answer");
            for request in batch.drain(..) {
                if let Some(done) = &request.done {
                    words.note(done);
                    on_the_wire -= usize::from(on_the_wire > 0);
                }
                let may = request.next.is_some_and(|next| begun.contains(&next.id));
                on_the_wire += usize::from(may);
                // A connection that does not wait for the answer any more needs none.
                let _ = request.answer.send(may);
            }
            if self.write_last_words(&mut words).await {
                streaks.are_open(&self.open_streaks().await);
            }
        }
    }

    async fn commit(
        &self,
        worker: WorkerId,
        commit: &GroupCommit,
        give_up: &CancellationToken,
    ) -> HashSet<DeliveryId> {
        let held = commit.updates.len();
        loop {
            fail_point!("before-commit");
            let committed = tokio::select! {
                committed = self.store.record(&worker, commit, self.now()) => committed,
                () = last_moment(give_up) => {
                    tracing::error!(lost = held, "the database does not answer; outcomes are left in doubt");
                    return HashSet::new();
                }
            };
            match committed {
                Ok(recorded) => {
                    for (issue, _) in &recorded.paused {
                        // The server's words may bear an address; the desk shows them.
                        tracing::error!(%issue, "the issue is paused: it is refused for reasons that are ours");
                    }
                    return recorded.may_send;
                }
                Err(error) => {
                    tracing::error!(%error, held, "outcomes wait for the database");
                    tokio::select! {
                        () = last_moment(give_up) => {}
                        () = tokio::time::sleep(AGAIN_AFTER) => {}
                    }
                }
            }
        }
    }
}

/// Waits a moment until there are `enough` requests.
async fn collect_batch(
    requests: &mut mpsc::Receiver<CommitRequest>,
    batch: &mut Vec<CommitRequest>,
    enough: usize,
) {
    let more = async { while batch.len() < enough && requests.recv_many(batch, MOST).await > 0 {} };
    let _ = tokio::time::timeout(GATHER, more).await;
}

/// A little after the process was told to end at once: what is written by then is written.
async fn last_moment(give_up: &CancellationToken) {
    give_up.cancelled().await;
    tokio::time::sleep(LAST_TRY).await;
}

fn group_commit(batch: &[CommitRequest], streaks: &mut PolicyRejections) -> GroupCommit {
    let mut commit = GroupCommit::default();
    for request in batch {
        commit.intents.extend(request.next.clone());
        let Some(done) = &request.done else { continue };
        commit.updates.push(done.settled.clone());
        let Some(issue) = done.issue else { continue };
        if let Some(why) = &done.pause {
            commit.pauses.push((issue, why.clone()));
        }
        streaks.note(issue, done, &mut commit);
    }
    commit
}
