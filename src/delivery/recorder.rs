//! The group commit: outcomes in, marks out.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Deliveries;
use super::last_words::LastWords;
use super::streak::Streaks;
use crate::domain::delivery::DeliveryId;
use crate::domain::ids::{IssueId, WorkerId};
use crate::domain::outcome::Outcome;
use crate::store::{Settled, StoreError};

/// What a connection asks for between two mails.
#[derive(Debug)]
pub struct Request {
    /// What became of the last one.
    pub done: Option<Done>,
    /// What it would send next; the answer says whether it may.
    pub next: Option<DeliveryId>,
    pub answer: oneshot::Sender<bool>,
}

#[derive(Debug)]
pub struct Done {
    pub settled: Settled,
    pub issue: Option<IssueId>,
    /// As the server meant it.
    pub outcome: Outcome,
    /// The issue must stop, for the reason the server gave.
    pub pause: Option<String>,
}

/// What must stop, why, and who is to be asked again when it goes on.
struct Halt {
    issue: IssueId,
    why: String,
    refused: Vec<DeliveryId>,
}

/// The most requests in one commit: more than there are connections is never asked.
const MOST: usize = 500;
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const LAST_TRY: Duration = Duration::from_secs(1);

impl Deliveries {
    /// Serves the connections until all of them are gone. While the database does not
    /// answer, outcomes are held and tried again: what was sent must not be forgotten. Only
    /// a process that must end gives up; what it was sending is then in doubt.
    pub(super) async fn keep_records(
        &self,
        worker: WorkerId,
        mut requests: mpsc::Receiver<Request>,
        give_up: CancellationToken,
    ) {
        let mut batch = Vec::with_capacity(MOST);
        let mut streaks = Streaks::default();
        let mut words = LastWords::default();
        while requests.recv_many(&mut batch, MOST).await > 0 {
            let halts = halts(&batch, &mut streaks);
            let begun = self.commit(worker, &batch, &halts, &give_up).await;
            for request in batch.drain(..) {
                if let Some(done) = &request.done {
                    words.note(done);
                }
                let may = request.next.is_some_and(|next| begun.contains(&next));
                // A connection that does not wait for the answer any more needs none.
                let _ = request.answer.send(may);
            }
            self.write_last_words(&mut words).await;
        }
    }

    async fn commit(
        &self,
        worker: WorkerId,
        batch: &[Request],
        halts: &[Halt],
        give_up: &CancellationToken,
    ) -> HashSet<DeliveryId> {
        let done = batch.iter().filter_map(|request| request.done.as_ref());
        let outcomes: Vec<Settled> = done.map(|done| done.settled.clone()).collect();
        let next: Vec<DeliveryId> = batch
            .iter()
            .filter_map(|request| request.next.clone())
            .collect();
        loop {
            let committed = tokio::select! {
                committed = self.try_commit(worker, &outcomes, &next, halts) => committed,
                () = last_moment(give_up) => {
                    tracing::error!(lost = outcomes.len(), "the database does not answer; outcomes are left in doubt");
                    return HashSet::new();
                }
            };
            match committed {
                Ok(begun) => return begun,
                Err(error) => {
                    tracing::error!(%error, held = outcomes.len(), "outcomes wait for the database");
                    tokio::select! {
                        () = last_moment(give_up) => {}
                        () = tokio::time::sleep(AGAIN_AFTER) => {}
                    }
                }
            }
        }
    }

    /// Pauses first: none of what is marked next may be of an issue that must stop.
    async fn try_commit(
        &self,
        worker: WorkerId,
        outcomes: &[Settled],
        next: &[DeliveryId],
        halts: &[Halt],
    ) -> Result<HashSet<DeliveryId>, StoreError> {
        for halt in halts {
            if self.store.pause_issue(&halt.issue, Some(&halt.why)).await? {
                tracing::error!(issue = %halt.issue, why = %halt.why, "the issue is paused: it is refused for reasons that are ours");
            }
        }
        let recorded = self
            .store
            .record(&worker, outcomes, next, self.now())
            .await?;
        for halt in halts {
            self.store
                .take_back_bounces(&halt.refused, self.now())
                .await?;
        }
        Ok(recorded.begun)
    }
}

/// A little after the process was told to end at once: what is written by then is written.
async fn last_moment(give_up: &CancellationToken) {
    give_up.cancelled().await;
    tokio::time::sleep(LAST_TRY).await;
}

fn halts(batch: &[Request], streaks: &mut Streaks) -> Vec<Halt> {
    let mut halts = Vec::new();
    for done in batch.iter().filter_map(|request| request.done.as_ref()) {
        let Some(issue) = done.issue else { continue };
        if let Some(why) = &done.pause {
            halts.push(Halt {
                issue,
                why: why.clone(),
                refused: Vec::new(),
            });
        }
        if let Some(refused) = streaks.note(issue, &done.settled.id, done.outcome) {
            halts.push(Halt {
                issue,
                why: done.settled.reply.clone(),
                refused,
            });
        }
    }
    halts
}
