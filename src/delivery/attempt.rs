//! One try to hand a copy over, and what it means.

use fail::fail_point;

use crate::delivery::compose::{ComposeError, IssueMail};
use crate::delivery::connection::Dispatcher;
use crate::delivery::disposition::{decide, unreached};
use crate::delivery::recorder::AttemptResult;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::outcome::{DeferReason, HaltReason, Outcome, SmtpResult};
use crate::mail::transport::{Channel, Outgoing};
use crate::store::{ClaimedDelivery, DeliveryUpdate};

/// What came of a try.
enum Tried {
    Done(AttemptResult),
    /// Nothing: the connection had ended before it.
    Unheard(SmtpResult),
}

impl Dispatcher {
    /// Sends `job`, which is marked as being sent; once more at once, if the server had hung
    /// up before it could hear of it. That is how many servers end a connection, and no
    /// fault of the reader's.
    pub(super) async fn send(
        &self,
        job: &ClaimedDelivery,
        channel: &mut Option<Channel>,
        issue: &mut IssueMail,
    ) -> AttemptResult {
        let tried = self.try_to_send(job, channel, issue).await;
        let report = match tried {
            Tried::Done(done) => return done,
            Tried::Unheard(report) => report,
        };
        match self.open(job).await {
            Ok(Some(opened)) => *channel = Some(opened),
            Ok(None) => return self.not_started(job, report.reply, report.outcome),
            Err(failed) => return self.unreachable(job, failed),
        }
        match self.try_to_send(job, channel, issue).await {
            Tried::Done(done) => done,
            Tried::Unheard(report) => self.decide(job, &report),
        }
    }

    async fn try_to_send(
        &self,
        job: &ClaimedDelivery,
        channel: &mut Option<Channel>,
        issue: &mut IssueMail,
    ) -> Tried {
        let Some(mut open) = channel.take() else {
            return Tried::Unheard(lost());
        };
        let message = match self.message(job, issue).await {
            Ok(message) => message,
            Err(done) => {
                *channel = Some(open);
                return Tried::Done(*done);
            }
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
                return Tried::Done(self.interrupted(job, &open));
            }
        };
        if open.had_ended() {
            return Tried::Unheard(report);
        }
        if open.is_usable() {
            *channel = Some(open);
        }
        self.throttle.observe(report.outcome);
        Tried::Done(self.decide(job, &report))
    }

    /// The mail, or what is to be written where there is none to send.
    async fn message(
        &self,
        job: &ClaimedDelivery,
        issue: &mut IssueMail,
    ) -> Result<Vec<u8>, Box<AttemptResult>> {
        let done = match self.deliveries.compose(job, issue).await {
            Ok(Some(message)) => return Ok(message),
            Ok(None) => skipped(job),
            Err(ComposeError::Store(error)) if !error.is_corrupt() => {
                tracing::warn!(delivery = %job.id, %error, "a mail cannot be composed yet");
                let outcome = Outcome::Deferred(DeferReason::Connection);
                self.not_started(job, error.to_string(), outcome)
            }
            Err(error) => {
                tracing::error!(delivery = %job.id, %error, "a mail cannot be composed");
                let report = SmtpResult {
                    outcome: Outcome::Halted(HaltReason::OurMessage),
                    reply: error.to_string(),
                };
                self.decide(job, &report)
            }
        };
        Err(Box::new(done))
    }

    /// The process must end, and the server has not answered yet.
    fn interrupted(&self, job: &ClaimedDelivery, channel: &Channel) -> AttemptResult {
        let says = "stopped while the server took its time".to_owned();
        if channel.is_in_doubt() {
            let outcome = Outcome::InDoubt;
            return self.decide(
                job,
                &SmtpResult {
                    outcome,
                    reply: says,
                },
            );
        }
        self.not_started(job, says, Outcome::Deferred(DeferReason::Connection))
    }

    /// There is no way to the server, for a job that is marked: it waits, and is not charged.
    pub(super) fn unreachable(&self, job: &ClaimedDelivery, failed: SmtpResult) -> AttemptResult {
        match failed.outcome {
            Outcome::Halted(_) => self.decide(job, &failed),
            outcome => self.not_started(job, failed.reply, outcome),
        }
    }

    /// No server had the mail, which is nobody's fault.
    pub(super) fn not_started(
        &self,
        job: &ClaimedDelivery,
        says: String,
        outcome: Outcome,
    ) -> AttemptResult {
        AttemptResult {
            settled: unreached(job, says, self.deliveries.now(), self.jitter()),
            issue: job.issue,
            outcome,
            pause: None,
        }
    }

    pub(super) fn decide(&self, job: &ClaimedDelivery, report: &SmtpResult) -> AttemptResult {
        let decision = decide(
            job,
            report,
            self.deliveries.policy.in_doubt,
            self.deliveries.now(),
            self.jitter(),
        );
        AttemptResult {
            settled: decision.settled,
            issue: job.issue,
            outcome: report.outcome,
            pause: decision.pause,
        }
    }

    fn jitter(&self) -> u8 {
        self.deliveries.random.bytes::<1>()[0]
    }
}

fn lost() -> SmtpResult {
    SmtpResult {
        outcome: Outcome::Deferred(DeferReason::Connection),
        reply: "the connection was lost".to_owned(),
    }
}

fn skipped(job: &ClaimedDelivery) -> AttemptResult {
    let settled = DeliveryUpdate {
        id: job.id.clone(),
        state: DeliveryState::Skipped,
        due_at: None,
        reply: String::new(),
        charged: false,
        lost_reply: false,
        suppress: None,
        soft_bounce: None,
    };
    // Nothing was asked of any server, so nothing is learnt of it.
    AttemptResult {
        settled,
        issue: None,
        outcome: Outcome::Deferred(DeferReason::Connection),
        pause: None,
    }
}
