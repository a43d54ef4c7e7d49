//! Starts the parts of the delivery engine and shuts them down in order.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::delivery::batch_size::AdaptiveBatchSize;
use crate::delivery::circuit_breaker::LoginBreaker;
use crate::delivery::concurrency::ConcurrencyLimiter;
use crate::delivery::dispatcher::Dispatcher;
use crate::delivery::heartbeat::Membership;
use crate::delivery::rate_limiter::RateLimiter;
use crate::delivery::service::DeliveryService;
use crate::domain::ids::WorkerId;

/// How long a message in transfer may take to complete when the process ends.
///
/// After that the delivery is recorded as in doubt or released.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(6);

/// How long messages in transfer may take to complete after a settings change.
///
/// Two minutes, because the process keeps running and few servers take longer to reply.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(120);

/// How long unregistering the worker and releasing its leases may take.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Delay before registration is retried after a database error.
const REGISTER_RETRY_DELAY: Duration = Duration::from_secs(2);

/// Sends queued deliveries: one worker after another, each under its own id.
#[derive(Debug)]
pub struct Engine {
    service: DeliveryService,
    /// Shared by successive workers, so that a restart does not repeat a failed login.
    breaker: Arc<LoginBreaker>,
}

impl Engine {
    /// Creates an engine; [`run`](Self::run) starts it.
    pub fn new(service: DeliveryService) -> Self {
        Self {
            service,
            breaker: Arc::default(),
        }
    }

    /// Sends deliveries until `stop` is cancelled.
    ///
    /// Continues after all failures of the database and the server. After `stop` no message
    /// is started, messages in transfer complete within two minutes, and all other leases
    /// are released. `shutdown` announces the end of the process and shortens the time to
    /// six seconds.
    pub async fn run(&self, stop: CancellationToken, shutdown: CancellationToken) {
        while !stop.is_cancelled() {
            let worker = WorkerId::new(self.service.now(), &self.service.random);
            let registered = self
                .service
                .store
                .register_worker(&worker, self.service.now())
                .await;
            match registered {
                Ok(()) => self.run_worker(worker, &stop, &shutdown).await,
                Err(error) => {
                    tracing::warn!(%error, "cannot register delivery worker; retrying");
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(REGISTER_RETRY_DELAY) => {}
                    }
                }
            }
        }
    }

    /// Runs all parts under one worker id until they must stop or restart.
    async fn run_worker(
        &self,
        worker: WorkerId,
        stop: &CancellationToken,
        shutdown: &CancellationToken,
    ) {
        fail_point!("registered");
        let stop = stop.child_token();
        let (abort_sends, abandon_results) = (CancellationToken::new(), CancellationToken::new());
        let (membership_sender, membership) = watch::channel(Membership::Joining);
        let (delivery_sender, deliveries) = mpsc::channel(AdaptiveBatchSize::MAX_BUFFERED);
        let (commit_sender, commits) = mpsc::channel(self.service.settings.connections);

        let mut dispatchers = self.spawn_dispatchers(Dispatcher {
            number: 0,
            concurrency: Arc::new(ConcurrencyLimiter::new(self.service.settings.connections)),
            breaker: Arc::clone(&self.breaker),
            service: self.service.clone(),
            worker,
            deliveries: Arc::new(Mutex::new(deliveries)),
            recorder: commit_sender,
            rate: Arc::new(RateLimiter::new(self.service.settings.rate_per_second)),
            membership: membership.clone(),
            stop: stop.clone(),
            abort_sends: abort_sends.clone(),
        });
        let service = || self.service.clone();
        let heartbeat = tokio::spawn(service().run_heartbeat(worker, membership_sender));
        let fan_outs = tokio::spawn(service().run_fan_outs());
        let mut producer =
            tokio::spawn(service().run_producer(worker, delivery_sender, stop.clone()));
        let recorder =
            tokio::spawn(service().run_recorder(worker, commits, abandon_results.clone()));

        let is_evicted = wait_for_end(membership, &stop, &mut producer).await;

        stop.cancel();
        // Aborted, because a claim to which the database does not respond must not delay the
        // end. Deliveries that it may have leased are released with the others.
        producer.abort();
        fan_outs.abort();
        let deadlines = tokio::spawn(enforce_deadlines(
            is_evicted,
            shutdown.clone(),
            abort_sends,
            abandon_results,
        ));
        while dispatchers.join_next().await.is_some() {}
        // Ends when all dispatchers are gone. A panic in it leaves deliveries for recovery.
        let _ = recorder.await;
        deadlines.abort();
        if !is_evicted {
            self.unregister(&worker).await;
        }
        // Stop the heartbeat last, so that leases stay valid until the final commit.
        heartbeat.abort();
    }

    /// Starts one task per connection, each with its own copy of `template`.
    fn spawn_dispatchers(&self, template: Dispatcher) -> JoinSet<()> {
        let mut dispatchers = JoinSet::new();
        for number in 0..self.service.settings.connections {
            let dispatcher = Dispatcher {
                number,
                ..template.clone()
            };
            dispatchers.spawn(dispatcher.run());
        }
        dispatchers
    }

    async fn unregister(&self, worker: &WorkerId) {
        let unregister = self.service.store.shutdown_worker(worker);
        let unregistered = tokio::time::timeout(SHUTDOWN_TIMEOUT, unregister).await;
        if !matches!(unregistered, Ok(Ok(()))) {
            tracing::warn!(worker.id = %worker, "cannot release leases; another worker will reclaim them");
        }
    }
}

/// Waits until the worker must end. Returns whether it was declared dead.
async fn wait_for_end(
    mut membership: watch::Receiver<Membership>,
    stop: &CancellationToken,
    producer: &mut JoinHandle<()>,
) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        // The producer ended, so this worker would never send anything again.
        _ = producer => false,
        evicted = membership.wait_for(|membership| *membership == Membership::Evicted) => {
            if evicted.is_ok() {
                tracing::error!("worker was declared dead by another worker; restarting");
            }
            evicted.is_ok()
        }
    }
}

/// Aborts sends, and then the recording of results, when their time is over.
///
/// An evicted worker has lost its leases, so it only waits for [`SHUTDOWN_GRACE`]. Any other
/// worker keeps trying to record results for as long as the process runs.
async fn enforce_deadlines(
    is_evicted: bool,
    shutdown: CancellationToken,
    abort_sends: CancellationToken,
    abandon_results: CancellationToken,
) {
    if !is_evicted {
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, shutdown.cancelled()).await;
    }
    tokio::time::sleep(SHUTDOWN_GRACE).await;
    abort_sends.cancel();
    if !is_evicted {
        shutdown.cancelled().await;
    }
    abandon_results.cancel();
}
