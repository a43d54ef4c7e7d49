//! One connection's life: take a job, ask leave, send, report.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::delivery::circuit_breaker::LoginBreaker;
use crate::delivery::compose::IssueMail;
use crate::delivery::concurrency::ConcurrencyLimiter;
use crate::delivery::rate_limiter::RateLimiter;
use crate::delivery::recorder::{AttemptResult, CommitRequest};
use crate::delivery::{DeliveryService, Membership};
use crate::domain::ids::WorkerId;
use crate::mail::transport::Channel;
use crate::store::{ClaimedDelivery, SendIntent};

/// An open connection with nothing to send is closed after this.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
const GIVE_BACK_AGAIN: Duration = Duration::from_secs(1);
/// A connection is renewed after this many mails: servers like to see an end.
const MAX_DELIVERIES_PER_CONNECTION: u32 = 1_000;

pub(super) struct Dispatcher {
    pub number: usize,
    pub throttle: Arc<ConcurrencyLimiter>,
    pub gate: Arc<LoginBreaker>,
    pub deliveries: DeliveryService,
    pub worker: WorkerId,
    pub jobs: Arc<Mutex<mpsc::Receiver<ClaimedDelivery>>>,
    pub recorder: mpsc::Sender<CommitRequest>,
    pub pace: Arc<RateLimiter>,
    pub pulse: watch::Receiver<Membership>,
    pub stop: CancellationToken,
    pub hard_stop: CancellationToken,
}

/// What a wait for work ended with.
enum Next {
    Job(Box<ClaimedDelivery>),
    Idle,
    Over,
}

impl Dispatcher {
    pub(super) async fn run(self) {
        let mut channel: Option<Channel> = None;
        let mut issue = IssueMail::default();
        let mut done: Option<AttemptResult> = None;
        let mut sent = 0;
        loop {
            if !self.throttle.allows(self.number) {
                self.commit(done.take(), None).await;
                close(channel.take()).await;
                tokio::select! {
                    () = self.stop.cancelled() => break,
                    () = self.throttle.wait_for_slot(self.number) => {}
                }
            }
            let job = match self.at_hand() {
                Some(job) => job,
                None => {
                    // Nothing waits behind this outcome: it is written at once.
                    self.commit(done.take(), None).await;
                    match self.wait_for_job().await {
                        Next::Job(job) => *job,
                        Next::Idle => {
                            close(channel.take()).await;
                            continue;
                        }
                        Next::Over => break,
                    }
                }
            };
            if self.stop.is_cancelled() {
                break;
            }
            if sent >= MAX_DELIVERIES_PER_CONNECTION {
                close(channel.take()).await;
                sent = 0;
            }
            if channel.is_none() {
                self.commit(done.take(), None).await;
                match self.open(&job).await {
                    Ok(Some(opened)) => channel = Some(opened),
                    Ok(None) => break,
                    Err(_) if !self.throttle.allows(self.number) => {
                        self.give_back(&job).await;
                        continue;
                    }
                    Err(failed) => {
                        done = self.not_reached(&job, failed).await;
                        continue;
                    }
                }
            }
            if self.pace.is_limited() {
                // What was sent is not left unwritten while the next mail waits its turn.
                self.commit(done.take(), None).await;
                tokio::select! {
                    () = self.stop.cancelled() => break,
                    () = self.pace.acquire(self.pulse.clone()) => {}
                }
            }
            if !self.commit(done.take(), Some((&job).into())).await {
                self.give_back(&job).await;
                continue;
            }
            fail_point!("marked");
            done = Some(self.send(&job, &mut channel, &mut issue).await);
            fail_point!("outcome-known");
            sent += 1;
        }
        self.commit(done, None).await;
        close(channel).await;
    }

    /// A job that is there already.
    fn at_hand(&self) -> Option<ClaimedDelivery> {
        self.jobs.try_lock().ok()?.try_recv().ok()
    }

    async fn wait_for_job(&self) -> Next {
        let receive = async { self.jobs.lock().await.recv().await };
        tokio::select! {
            () = self.stop.cancelled() => Next::Over,
            job = receive => job.map_or(Next::Over, |job| Next::Job(Box::new(job))),
            () = tokio::time::sleep(IDLE_TIMEOUT) => Next::Idle,
        }
    }

    /// Has `done` written and `next` marked; true when `next` may be sent.
    pub(super) async fn commit(
        &self,
        done: Option<AttemptResult>,
        next: Option<SendIntent>,
    ) -> bool {
        if done.is_none() && next.is_none() {
            return false;
        }
        let paused = done
            .as_ref()
            .filter(|done| done.pause.is_some())
            .and_then(|done| done.issue);
        let (answer, answered) = oneshot::channel();
        if self
            .recorder
            .send(CommitRequest { done, next, answer })
            .await
            .is_err()
        {
            return false;
        }
        let Ok(may) = answered.await else {
            return false;
        };
        if let Some(issue) = paused {
            self.gate.record_pause(issue);
        }
        may
    }

    pub(super) async fn give_back(&self, job: &ClaimedDelivery) {
        fail_point!("giving-back");
        while let Err(error) = self
            .deliveries
            .store
            .release_lease(&self.worker, &job.id)
            .await
        {
            tracing::warn!(delivery = %job.id, %error, "a lease is not given back yet");
            tokio::select! {
                // Then it goes back with all others.
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(GIVE_BACK_AGAIN) => {}
            }
        }
    }
}

async fn close(channel: Option<Channel>) {
    if let Some(channel) = channel {
        channel.close().await;
    }
}
