//! One try to hand a copy over, and what it means.

use fail::fail_point;

use super::compose::{ComposeError, IssueMail};
use super::connection::Connection;
use super::recorder::Done;
use super::settle::{settle, unreached};
use crate::domain::delivery::DeliveryState;
use crate::domain::outcome::{Halt, Outcome, Report, Temporary};
use crate::mail::transport::{Channel, Outgoing};
use crate::store::{Leased, Settled};

impl Connection {
    /// Sends `job`, which is marked as being sent.
    pub(super) async fn send(
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
            since: job.queued_at,
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

    /// No server was asked, which is nobody's fault.
    pub(super) fn not_begun(&self, job: &Leased, says: String, outcome: Outcome) -> Done {
        Done {
            settled: unreached(job, says, self.deliveries.now(), self.jitter()),
            issue: job.issue,
            outcome,
            pause: None,
        }
    }

    pub(super) fn decide(&self, job: &Leased, report: &Report) -> Done {
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
