//! Waiting until every reader of an issue has a copy in the queue.

use std::time::Duration;

use tokio::time::Instant;

use crate::app::App;
use crate::store::{FanOutBatch, StoreError};

/// Between two looks at a queue that another process makes.
const LOOK: Duration = Duration::from_millis(20);
/// A queue that has not become longer for this long is made by nobody.
const STANDSTILL: Duration = Duration::from_secs(1);

/// Until every queue is made. A process that delivers makes them in turn with what its own
/// readers write, who would wait for this one; where there is none, this one does.
pub async fn wait_until_enqueued(app: &App) -> Result<(), StoreError> {
    let mut others = !app.store.workers().await?.is_empty();
    let (mut copies, mut since) = (0, Instant::now());
    while let Some((_, made)) = app.store.pending_fan_out().await? {
        if made != copies {
            (copies, since) = (made, Instant::now());
        }
        others = others && since.elapsed() < STANDSTILL;
        if others {
            tokio::time::sleep(LOOK).await;
        } else {
            app.store.run_fan_outs(FanOutBatch::Large).await?;
        }
    }
    Ok(())
}
