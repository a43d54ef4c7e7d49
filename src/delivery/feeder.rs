//! Claims batches ahead of the connections.

use std::time::Duration;

use fail::fail_point;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Deliveries;
use crate::domain::ids::WorkerId;
use crate::store::{Leased, StoreError};

/// Rows claimed at once.
const BATCH: usize = 500;
/// How soon an empty queue is looked at again. A new issue begins within two seconds.
const LOOK_AGAIN: Duration = Duration::from_millis(400);
/// After the database failed.
const RECOVER: Duration = Duration::from_secs(2);

impl Deliveries {
    /// Keeps `jobs` filled until `stop`.
    pub(super) async fn feed(
        &self,
        worker: WorkerId,
        jobs: mpsc::Sender<Leased>,
        stop: CancellationToken,
    ) {
        loop {
            fail_point!("claiming");
            let pause = match self.claim(worker).await {
                Ok(claimed) if claimed.is_empty() => LOOK_AGAIN,
                Ok(claimed) => {
                    fail_point!("claimed");
                    for job in claimed {
                        tokio::select! {
                            // What is left of the batch goes back when the worker resigns.
                            () = stop.cancelled() => return,
                            sent = jobs.send(job) => if sent.is_err() { return },
                        }
                    }
                    Duration::ZERO
                }
                Err(error) => {
                    tracing::warn!(%error, "nothing can be claimed: the database does not answer");
                    RECOVER
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Mails to single people first: someone waits for them. Then the issues, the oldest
    /// first.
    async fn claim(&self, worker: WorkerId) -> Result<Vec<Leased>, StoreError> {
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let mails = self.store.claim_mails(&worker, limit, self.now()).await?;
        if !mails.is_empty() {
            return Ok(mails);
        }
        let issues = self.store.sending_issues().await?;
        for issue in &issues {
            let copies = self
                .store
                .claim_copies(&worker, issue, limit, self.now())
                .await?;
            if !copies.is_empty() {
                return Ok(copies);
            }
        }
        if !issues.is_empty() && self.store.finish_issues(self.now()).await? > 0 {
            tracing::info!("an issue is sent: every recipient is accounted for");
        }
        Ok(Vec::new())
    }
}
