//! One connection's life: take a job, ask leave, send, report.

use std::sync::Arc;
use std::time::Duration;

use fail::fail_point;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::compose::{ComposeError, IssueMail};
use super::pace::Pace;
use super::recorder::{Done, Request};
use super::settle::{settle, unreached};
use super::throttle::Throttle;
use super::{Deliveries, Pulse};
use crate::domain::delivery::DeliveryState;
use crate::domain::ids::WorkerId;
use crate::domain::outcome::{Halt, Outcome, Report, Temporary};
use crate::mail::transport::{Channel, Outgoing};
use crate::store::{Leased, Mark, Settled};

/// An open connection with nothing to send is closed after this.
const IDLE: Duration = Duration::from_secs(5);
/// Waits between tries to reach the server, for one job; then the job waits its turn
/// and the next one is tried.
const REACH: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];
const GIVE_BACK_AGAIN: Duration = Duration::from_secs(1);
/// A connection is renewed after this many mails: servers like to see an end.
const MAILS_PER_CONNECTION: u32 = 1_000;

pub(super) struct Connection {
    pub number: usize,
    pub throttle: Arc<Throttle>,
    pub deliveries: Deliveries,
    pub worker: WorkerId,
    pub jobs: Arc<Mutex<mpsc::Receiver<Leased>>>,
    pub recorder: mpsc::Sender<Request>,
    pub pace: Arc<Pace>,
    pub pulse: watch::Receiver<Pulse>,
    pub stop: CancellationToken,
    pub hard_stop: CancellationToken,
}

/// What a wait for work ended with.
enum Next {
    Job(Box<Leased>),
    Idle,
    Over,
}

impl Connection {
    pub(super) async fn run(self) {
        let mut channel: Option<Channel> = None;
        let mut issue = IssueMail::default();
        let mut done: Option<Done> = None;
        let mut sent = 0;
        loop {
            if !self.throttle.allows(self.number) {
                self.commit(done.take(), None).await;
                close(channel.take()).await;
                tokio::select! {
                    () = self.stop.cancelled() => break,
                    () = self.throttle.allowed(self.number) => {}
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
            if sent >= MAILS_PER_CONNECTION {
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
                    () = self.pace.turn(self.pulse.clone()) => {}
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
    fn at_hand(&self) -> Option<Leased> {
        self.jobs.try_lock().ok()?.try_recv().ok()
    }

    async fn wait_for_job(&self) -> Next {
        let receive = async { self.jobs.lock().await.recv().await };
        tokio::select! {
            () = self.stop.cancelled() => Next::Over,
            job = receive => job.map_or(Next::Over, |job| Next::Job(Box::new(job))),
            () = tokio::time::sleep(IDLE) => Next::Idle,
        }
    }

    /// Reaches the server, or tells why not. `None` when the process is to stop.
    async fn open(&self, job: &Leased) -> Result<Option<Channel>, Report> {
        let mut waits = REACH.iter();
        loop {
            let opened = tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                opened = self.deliveries.transport.open() => opened,
            };
            let failed = match opened {
                Ok(channel) => return Ok(Some(channel)),
                Err(failed) => failed,
            };
            self.throttle.note(failed.outcome);
            let wait = waits.next().filter(|_| {
                matches!(failed.outcome, Outcome::Deferred(_)) && self.throttle.allows(self.number)
            });
            let Some(wait) = wait else { return Err(failed) };
            tracing::warn!(delivery = %job.id, says = %failed.says, "the mail server cannot be reached");
            tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(*wait) => {}
            }
        }
    }

    /// Marks and unmarks a job that never reached a server: it waits, and is not charged.
    async fn not_reached(&self, job: &Leased, failed: Report) -> Option<Done> {
        if !self.commit(None, Some(job.into())).await {
            self.give_back(job).await;
            return None;
        }
        Some(match failed.outcome {
            Outcome::Halted(_) => self.decide(job, &failed),
            outcome => self.not_begun(job, failed.says, outcome),
        })
    }

    /// No server was asked, which is nobody's fault.
    fn not_begun(&self, job: &Leased, says: String, outcome: Outcome) -> Done {
        Done {
            settled: unreached(job, says, self.deliveries.now(), self.jitter()),
            issue: job.issue,
            outcome,
            pause: None,
        }
    }

    async fn send(
        &self,
        job: &Leased,
        channel: &mut Option<Channel>,
        issue: &mut IssueMail,
    ) -> Done {
        let message = match self.deliveries.compose(job, issue).await {
            Ok(Some(message)) => message,
            Ok(None) => return skipped(job),
            Err(ComposeError::Store(error)) if !error.is_damage() => {
                tracing::warn!(delivery = %job.id, %error, "a mail cannot be composed yet");
                let outcome = Outcome::Deferred(Temporary::Connection);
                return self.not_begun(job, error.to_string(), outcome);
            }
            Err(error) => {
                tracing::error!(delivery = %job.id, %error, "a mail cannot be composed");
                let report = Report {
                    outcome: Outcome::Halted(Halt::OurMessage),
                    says: error.to_string(),
                };
                return self.decide(job, &report);
            }
        };
        let Some(open) = channel.as_mut() else {
            let report = Report {
                outcome: Outcome::InDoubt,
                says: "the connection was lost".to_owned(),
            };
            return self.decide(job, &report);
        };
        fail_point!("composed");
        let mail = Outgoing {
            delivery: &job.id,
            envelope_from: &self.deliveries.envelope_from(job),
            to: &job.address,
            message,
        };
        let report = tokio::select! {
            biased;
            report = open.send(mail) => report,
            () = self.hard_stop.cancelled() => {
                let says = "stopped while the server took its time".to_owned();
                *channel = None;
                return self.decide(job, &Report { outcome: Outcome::InDoubt, says });
            }
        };
        if !open.is_usable() {
            *channel = None;
        }
        self.throttle.note(report.outcome);
        self.decide(job, &report)
    }

    fn decide(&self, job: &Leased, report: &Report) -> Done {
        let decision = settle(
            job,
            report,
            self.deliveries.policy.in_doubt,
            self.deliveries.now(),
            self.jitter(),
        );
        Done {
            settled: decision.settled,
            issue: job.issue,
            outcome: report.outcome,
            pause: decision.pause,
        }
    }

    fn jitter(&self) -> u8 {
        self.deliveries.random.bytes::<1>()[0]
    }

    /// Has `done` written and `next` marked; true when `next` may be sent.
    async fn commit(&self, done: Option<Done>, next: Option<Mark>) -> bool {
        if done.is_none() && next.is_none() {
            return false;
        }
        let (answer, answered) = oneshot::channel();
        if self
            .recorder
            .send(Request { done, next, answer })
            .await
            .is_err()
        {
            return false;
        }
        answered.await.unwrap_or(false)
    }

    async fn give_back(&self, job: &Leased) {
        fail_point!("giving-back");
        while let Err(error) = self.deliveries.store.give_back(&self.worker, &job.id).await {
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

fn skipped(job: &Leased) -> Done {
    let settled = Settled {
        id: job.id.clone(),
        state: DeliveryState::Skipped,
        due_at: None,
        reply: String::new(),
        charged: false,
        lost_reply: false,
        suppress: None,
        refusal: None,
    };
    // Nothing was asked of any server, so nothing is learnt of it.
    Done {
        settled,
        issue: None,
        outcome: Outcome::Deferred(Temporary::Connection),
        pause: None,
    }
}
