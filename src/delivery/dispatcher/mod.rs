//! Dispatcher: a task that owns one SMTP connection.
//!
//! For each delivery it takes from the producer it asks the recorder for permission to
//! send, sends the message, and hands the result to the recorder together with the next
//! request for permission.

mod attempt;
mod connect;

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::delivery::circuit_breaker::LoginBreaker;
use crate::delivery::compose::IssueMailCache;
use crate::delivery::concurrency::ConcurrencyLimiter;
use crate::delivery::heartbeat::Membership;
use crate::delivery::outcome::AttemptResult;
use crate::delivery::rate_limiter::RateLimiter;
use crate::delivery::recorder::CommitRequest;
use crate::delivery::service::DeliveryService;
use crate::domain::ids::WorkerId;
use crate::mail::transport::Channel;
use crate::store::{ClaimedDelivery, SendIntent};

/// How long an open connection without deliveries is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);

/// Delay before releasing a lease is retried after a database error.
const RELEASE_RETRY_DELAY: Duration = Duration::from_secs(1);

/// A task that owns one connection, and the parts it shares with other tasks.
#[derive(Clone, Debug)]
pub(crate) struct Dispatcher {
    /// Number of this connection, from 0; the limiter closes the highest first.
    pub(crate) number: usize,
    /// Adaptive limit of open connections.
    pub(crate) concurrency: Arc<ConcurrencyLimiter>,
    /// Circuit breaker for logins.
    pub(crate) breaker: Arc<LoginBreaker>,
    /// Dependencies and settings.
    pub(crate) service: DeliveryService,
    /// The worker whose leases the dispatcher uses.
    pub(crate) worker: WorkerId,
    /// Claimed deliveries from the producer.
    pub(crate) deliveries: Arc<Mutex<mpsc::Receiver<ClaimedDelivery>>>,
    /// Commits results and send intents.
    pub(crate) recorder: mpsc::Sender<CommitRequest>,
    /// Limit of messages per second.
    pub(crate) rate: Arc<RateLimiter>,
    /// Number of workers that share the rate limit.
    pub(crate) membership: watch::Receiver<Membership>,
    /// No message is started once this is cancelled.
    pub(crate) stop: CancellationToken,
    /// A message in transfer is abandoned once this is cancelled.
    pub(crate) abort_sends: CancellationToken,
}

/// State that a dispatcher carries from one delivery to the next.
#[derive(Default)]
struct DispatcherState {
    channel: Option<Channel>,
    issue_mail: IssueMailCache,
    /// Result of the last attempt, not yet handed to the recorder.
    uncommitted: Option<AttemptResult>,
    /// Messages sent over the connection.
    sent: u32,
}

impl Dispatcher {
    /// Sends deliveries until `stop` is cancelled or the producer has ended.
    pub(crate) async fn run(self) {
        let mut state = DispatcherState::default();
        while self.process_next(&mut state).await.is_continue() {}
        self.commit(state.uncommitted, None).await;
        close(state.channel).await;
    }

    /// Takes one delivery and sends it. Breaks when the dispatcher must end.
    async fn process_next(&self, state: &mut DispatcherState) -> ControlFlow<()> {
        if !self.concurrency.is_allowed(self.number) {
            self.commit(state.uncommitted.take(), None).await;
            close(state.channel.take()).await;
            tokio::select! {
                () = self.stop.cancelled() => return ControlFlow::Break(()),
                () = self.concurrency.wait_for_slot(self.number) => {}
            }
        }
        if self.concurrency.is_resting() {
            self.commit(state.uncommitted.take(), None).await;
            close(state.channel.take()).await;
            tokio::select! {
                () = self.stop.cancelled() => return ControlFlow::Break(()),
                () = self.concurrency.wait_for_rest() => {}
            }
        }
        let Some(delivery) = self.next_delivery(state).await? else {
            return ControlFlow::Continue(());
        };
        if self.stop.is_cancelled() {
            return ControlFlow::Break(());
        }
        let limit = self.concurrency.messages_per_connection();
        if state.sent >= limit.min(self.service.settings.messages_per_connection) {
            close(state.channel.take()).await;
            state.sent = 0;
        }
        if state.channel.is_none() && !self.connect_for(&delivery, state).await? {
            return ControlFlow::Continue(());
        }
        if self.rate.is_limited() {
            // Commit before waiting for the rate limit.
            self.commit(state.uncommitted.take(), None).await;
            tokio::select! {
                () = self.stop.cancelled() => return ControlFlow::Break(()),
                () = self.rate.acquire(self.membership.clone()) => {}
            }
        }
        let intent = Some((&delivery).into());
        if !self.commit(state.uncommitted.take(), intent).await {
            self.release(&delivery).await;
            return ControlFlow::Continue(());
        }
        fail_point!("intent-committed");
        let result = self
            .send(
                &delivery,
                &mut state.channel,
                &mut state.issue_mail,
                &mut state.sent,
            )
            .await;
        state.uncommitted = Some(result);
        fail_point!("outcome-known");
        state.sent += 1;
        ControlFlow::Continue(())
    }

    /// Returns the next delivery; `None` after [`IDLE_TIMEOUT`].
    ///
    /// The timeout also closes the connection. Breaks when the dispatcher must end.
    async fn next_delivery(
        &self,
        state: &mut DispatcherState,
    ) -> ControlFlow<(), Option<ClaimedDelivery>> {
        let buffered = self.deliveries.try_lock().ok();
        if let Some(delivery) = buffered.and_then(|mut buffered| buffered.try_recv().ok()) {
            return ControlFlow::Continue(Some(delivery));
        }
        // Commit now, because there is no send intent to commit the result with.
        self.commit(state.uncommitted.take(), None).await;
        let receive = async { self.deliveries.lock().await.recv().await };
        tokio::select! {
            () = self.stop.cancelled() => ControlFlow::Break(()),
            received = receive => match received {
                Some(delivery) => ControlFlow::Continue(Some(delivery)),
                None => ControlFlow::Break(()),
            },
            () = tokio::time::sleep(IDLE_TIMEOUT) => {
                close(state.channel.take()).await;
                ControlFlow::Continue(None)
            }
        }
    }

    /// Opens a connection for `delivery`. Returns whether the connection is open.
    ///
    /// If not, the delivery was released or deferred. Breaks when the dispatcher must end.
    async fn connect_for(
        &self,
        delivery: &ClaimedDelivery,
        state: &mut DispatcherState,
    ) -> ControlFlow<(), bool> {
        self.commit(state.uncommitted.take(), None).await;
        match self.open(delivery).await {
            Ok(Some(channel)) => {
                state.channel = Some(channel);
                state.sent = 0;
                return ControlFlow::Continue(true);
            }
            Ok(None) => return ControlFlow::Break(()),
            Err(_) if !self.concurrency.is_allowed(self.number) => self.release(delivery).await,
            Err(error) => state.uncommitted = self.defer_unreachable(delivery, error).await,
        }
        ControlFlow::Continue(false)
    }

    /// Commits `result` and marks `next` as `sending`.
    ///
    /// Returns whether `next` may be sent.
    async fn commit(&self, result: Option<AttemptResult>, next: Option<SendIntent>) -> bool {
        if result.is_none() && next.is_none() {
            return false;
        }
        let paused_issue = result
            .as_ref()
            .filter(|result| result.pause_reason.is_some())
            .and_then(|result| result.issue);
        let (respond, response) = oneshot::channel();
        let request = CommitRequest {
            result,
            next,
            respond,
        };
        if self.recorder.send(request).await.is_err() {
            return false;
        }
        let Ok(may_send) = response.await else {
            return false;
        };
        if let Some(issue) = paused_issue {
            self.breaker.record_pause(issue);
        }
        may_send
    }

    /// Releases the lease of a delivery that was not started.
    async fn release(&self, delivery: &ClaimedDelivery) {
        fail_point!("releasing");
        while let Err(error) = self
            .service
            .store
            .release_lease(&self.worker, &delivery.id)
            .await
        {
            tracing::warn!(delivery.id = %delivery.id, %error, "cannot release lease; retrying");
            tokio::select! {
                // The engine then releases all leases of the worker.
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(RELEASE_RETRY_DELAY) => {}
            }
        }
    }
}

async fn close(channel: Option<Channel>) {
    if let Some(channel) = channel {
        channel.close().await;
    }
}
