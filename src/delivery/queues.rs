//! Makes the queues of issues that were frozen, while their first copies are sent.

use std::time::Duration;

use crate::delivery::DeliveryService;
use crate::store::FanOutBatch;

/// Between two looks for a new one.
const LOOK: Duration = Duration::from_millis(400);

impl DeliveryService {
    /// Until it is aborted. Whatever is not made then, another process makes.
    pub(super) async fn keep_queues(&self) {
        loop {
            if let Err(error) = self.store.run_fan_outs(FanOutBatch::Small).await {
                tracing::warn!(%error, "the queue is made later: the database does not answer");
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}
