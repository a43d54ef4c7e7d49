//! The engine of one process: starts the parts, and winds them down.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::delivery::batch_size::AdaptiveBatchSize;
use crate::delivery::circuit_breaker::LoginBreaker;
use crate::delivery::concurrency::ConcurrencyLimiter;
use crate::delivery::connection::Dispatcher;
use crate::delivery::rate_limiter::RateLimiter;
use crate::delivery::{DeliveryService, Membership};
use crate::domain::ids::WorkerId;

/// A mail that is on the wire when the process is asked to stop gets this long to come
/// to its end; then it is in doubt.
const GRACE: Duration = Duration::from_secs(6);
/// And so long when the process goes on, under other settings: few servers are slower.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(120);
/// How long giving the leases back may take.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// Before the database is asked again to let this process join.
const REJOIN: Duration = Duration::from_secs(2);

/// Delivers what is queued, until it is stopped.
#[derive(Debug)]
pub struct Engine {
    deliveries: DeliveryService,
    gate: Arc<LoginBreaker>,
}

impl Engine {
    pub fn new(deliveries: DeliveryService) -> Self {
        Self {
            deliveries,
            gate: Arc::default(),
        }
    }

    /// Runs until `stop`, through every failure of database and server. Then nothing new
    /// is begun, what is on a connection comes to its end within seconds, and all other
    /// leases go back.
    ///
    /// `ending` is the process's own end, which has less patience than `stop` alone.
    pub async fn run(&self, stop: CancellationToken, ending: CancellationToken) {
        while !stop.is_cancelled() {
            let worker = WorkerId::new(self.deliveries.now(), &self.deliveries.random);
            match self
                .deliveries
                .store
                .register_worker(&worker, self.deliveries.now())
                .await
            {
                Ok(()) => self.run_worker(worker, &stop, &ending).await,
                Err(error) => {
                    tracing::warn!(%error, "cannot begin to deliver: the database does not answer");
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(REJOIN) => {}
                    }
                }
            }
        }
    }

    /// One life under one worker id.
    async fn run_worker(
        &self,
        worker: WorkerId,
        stop: &CancellationToken,
        ending: &CancellationToken,
    ) {
        fail_point!("joined");
        let stop = stop.child_token();
        let (hard_stop, give_up) = (CancellationToken::new(), CancellationToken::new());
        let (pulse, felt) = watch::channel(Membership::Joining);
        let (job_in, job_out) = mpsc::channel(AdaptiveBatchSize::LARGEST);
        let (request_in, request_out) = mpsc::channel(self.deliveries.policy.connections);

        let mut connections = JoinSet::new();
        let jobs = Arc::new(Mutex::new(job_out));
        let pace = Arc::new(RateLimiter::new(self.deliveries.policy.rate_per_second));
        let throttle = Arc::new(ConcurrencyLimiter::new(self.deliveries.policy.connections));
        for number in 0..self.deliveries.policy.connections {
            let connection = Dispatcher {
                number,
                throttle: Arc::clone(&throttle),
                gate: Arc::clone(&self.gate),
                deliveries: self.deliveries.clone(),
                worker,
                jobs: Arc::clone(&jobs),
                recorder: request_in.clone(),
                pace: Arc::clone(&pace),
                pulse: felt.clone(),
                stop: stop.clone(),
                hard_stop: hard_stop.clone(),
            };
            connections.spawn(connection.run());
        }
        drop(request_in);

        let heart = spawn(&self.deliveries, |it| async move {
            it.run_heartbeat(worker, pulse).await
        });
        let queues = spawn(&self.deliveries, |it| async move { it.keep_queues().await });
        let mut feeder = spawn(&self.deliveries, |it| {
            let stop = stop.clone();
            async move { it.run_producer(worker, job_in, stop).await }
        });
        let recorder = spawn(&self.deliveries, |it| {
            let give_up = give_up.clone();
            async move { it.run_recorder(worker, request_out, give_up).await }
        });

        let was_taken_for_dead = wait_for_end(felt, &stop, &mut feeder).await;
        stop.cancel();
        // A claim that the database never answers must not hold the end up; what it may
        // have leased goes back with the rest.
        feeder.abort();
        queues.abort();
        let ending = ending.clone();
        let grace = tokio::spawn(async move {
            if !was_taken_for_dead {
                let _ = tokio::time::timeout(DRAIN_TIMEOUT, ending.cancelled()).await;
            }
            tokio::time::sleep(GRACE).await;
            hard_stop.cancel();
            // What was sent is not forgotten while there is a process to remember it.
            if !was_taken_for_dead {
                ending.cancelled().await;
            }
            give_up.cancel();
        });
        while connections.join_next().await.is_some() {}
        let _ = recorder.await;
        grace.abort();
        if !was_taken_for_dead {
            self.resign(&worker).await;
        }
        // The heart beats on until the last outcome is written.
        heart.abort();
    }

    async fn resign(&self, worker: &WorkerId) {
        let resigned = tokio::time::timeout(
            SHUTDOWN_TIMEOUT,
            self.deliveries.store.shutdown_worker(worker),
        )
        .await;
        if !matches!(resigned, Ok(Ok(()))) {
            tracing::warn!("leases were not given back; another process takes them up");
        }
    }
}

fn spawn<F>(deliveries: &DeliveryService, part: impl FnOnce(DeliveryService) -> F) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(part(deliveries.clone()))
}

/// True when others took this process for dead.
async fn wait_for_end(
    mut felt: watch::Receiver<Membership>,
    stop: &CancellationToken,
    feeder: &mut JoinHandle<()>,
) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        // It cannot go on, and nobody would be sent anything any more.
        _ = feeder => false,
        dead = felt.wait_for(|pulse| *pulse == Membership::TakenForDead) => {
            if dead.is_ok() {
                tracing::error!("other processes took this one for dead; it begins anew");
            }
            dead.is_ok()
        }
    }
}
