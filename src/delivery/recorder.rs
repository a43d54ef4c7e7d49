//! The group commit: outcomes in, marks out.

use std::collections::HashSet;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::Deliveries;
use crate::domain::delivery::DeliveryId;
use crate::domain::ids::{IssueId, WorkerId};
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
    /// The issue must stop, for the reason the server gave.
    pub pause: Option<(IssueId, String)>,
}

/// The most requests in one commit: more than there are connections is never asked.
const MOST: usize = 500;
const AGAIN_AFTER: Duration = Duration::from_secs(1);

impl Deliveries {
    /// Serves the connections until all of them are gone. While the database does not
    /// answer, outcomes are held and tried again: what was sent must not be forgotten.
    pub(super) async fn keep_records(&self, worker: WorkerId, mut requests: mpsc::Receiver<Request>) {
        let mut batch = Vec::with_capacity(MOST);
        while requests.recv_many(&mut batch, MOST).await > 0 {
            let begun = self.commit(worker, &batch).await;
            for request in batch.drain(..) {
                let may = request.next.is_some_and(|next| begun.contains(&next));
                // A connection that does not wait for the answer any more needs none.
                let _ = request.answer.send(may);
            }
        }
    }

    async fn commit(&self, worker: WorkerId, batch: &[Request]) -> HashSet<DeliveryId> {
        let done = || batch.iter().filter_map(|request| request.done.as_ref());
        let outcomes: Vec<Settled> = done().map(|done| done.settled.clone()).collect();
        let next: Vec<DeliveryId> = batch.iter().filter_map(|request| request.next.clone()).collect();
        loop {
            // Paused first: none of what is marked next may be of an issue that must stop.
            let paused = self.pause_halted(done()).await;
            let recorded = match paused {
                Ok(()) => self.store.record(&worker, &outcomes, &next, self.now()).await,
                Err(error) => Err(error),
            };
            match recorded {
                Ok(recorded) => return recorded.begun,
                Err(error) => {
                    tracing::error!(%error, held = outcomes.len(), "outcomes wait for the database");
                    tokio::time::sleep(AGAIN_AFTER).await;
                }
            }
        }
    }

    async fn pause_halted(&self, done: impl Iterator<Item = &Done>) -> Result<(), StoreError> {
        for (issue, why) in done.filter_map(|done| done.pause.as_ref()) {
            if self.store.pause_issue(issue, Some(why)).await? {
                tracing::error!(%issue, %why, "the issue is paused: the server refuses for reasons that are ours");
            }
        }
        Ok(())
    }
}
