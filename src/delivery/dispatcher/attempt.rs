//! One attempt to send a delivery.

use crate::delivery::compose::{ComposeError, IssueMailCache};
use crate::delivery::dispatcher::Dispatcher;
use crate::delivery::disposition::{decide, defer_uncharged, skip};
use crate::delivery::outcome::AttemptResult;
use crate::domain::delivery::outcome::{DeferReason, HaltReason, Outcome, SmtpResult};
use crate::mail::transport::{Channel, Outgoing};
use crate::store::ClaimedDelivery;

/// Whether the server received any command of a message.
enum Transfer {
    /// The attempt has a result.
    Completed(AttemptResult),
    /// The server closed the idle connection before MAIL FROM, or refused MAIL FROM on a used
    /// connection. Contains the I/O error or the reply.
    NotReceived(SmtpResult),
}

impl Dispatcher {
    /// Sends a delivery that is marked as `sending`.
    ///
    /// Reconnects once if the server closed the idle connection before MAIL FROM, or accepts no
    /// more messages over the connection; this does not count as an attempt.
    #[tracing::instrument(
        name = "delivery.attempt",
        level = "debug",
        skip_all,
        fields(delivery.id = %delivery.id, connection = self.number)
    )]
    pub(super) async fn send(
        &self,
        delivery: &ClaimedDelivery,
        channel: &mut Option<Channel>,
        issue_mail: &mut IssueMailCache,
        sent: &mut u32,
    ) -> AttemptResult {
        let error = match self.transfer(delivery, channel, issue_mail).await {
            Transfer::Completed(result) => return result,
            Transfer::NotReceived(error) => error,
        };
        match self.open(delivery).await {
            Ok(Some(opened)) => *channel = Some(opened),
            Ok(None) => return self.not_started(delivery, error),
            Err(error) => return self.unreachable(delivery, error),
        }
        let sent_before = std::mem::take(sent);
        match self.transfer(delivery, channel, issue_mail).await {
            Transfer::Completed(result) => {
                let is_refused = matches!(error.outcome, Outcome::Deferred(reason) if reason != DeferReason::Connection);
                if is_refused && result.outcome == Outcome::Delivered {
                    self.concurrency.learn_messages_per_connection(sent_before);
                }
                result
            }
            Transfer::NotReceived(error) => self.decide(delivery, &error),
        }
    }

    async fn transfer(
        &self,
        delivery: &ClaimedDelivery,
        channel: &mut Option<Channel>,
        issue_mail: &mut IssueMailCache,
    ) -> Transfer {
        let Some(mut open) = channel.take() else {
            return Transfer::NotReceived(connection_error("connection lost"));
        };
        let message = match self.compose(delivery, issue_mail).await {
            Ok(message) => message,
            Err(result) => {
                *channel = Some(open);
                return Transfer::Completed(*result);
            }
        };
        fail_point!("composed");
        let outgoing = Outgoing {
            delivery: &delivery.id,
            envelope_from: &self.service.envelope_from(delivery),
            to: &delivery.address,
            message,
        };
        let result = tokio::select! {
            biased;
            result = open.send(outgoing) => result,
            () = self.abort_sends.cancelled() => {
                return Transfer::Completed(self.interrupted(delivery, &open));
            }
        };
        if open.was_closed_by_peer() {
            return Transfer::NotReceived(result);
        }
        if open.was_refused_when_used() {
            open.close().await;
            return Transfer::NotReceived(result);
        }
        if open.is_usable() {
            *channel = Some(open);
        }
        self.concurrency.observe(result.outcome);
        Transfer::Completed(self.decide(delivery, &result))
    }

    /// Returns the message, or the result to record if there is no message to send.
    async fn compose(
        &self,
        delivery: &ClaimedDelivery,
        issue_mail: &mut IssueMailCache,
    ) -> Result<Vec<u8>, Box<AttemptResult>> {
        let result = match self.service.compose(delivery, issue_mail).await {
            Ok(Some(message)) => return Ok(message),
            // No command was sent, so the result does not affect the issue's last reply.
            Ok(None) => AttemptResult {
                update: skip(delivery),
                issue: None,
                outcome: Outcome::Deferred(DeferReason::Connection),
                pause_reason: None,
            },
            Err(ComposeError::Store(error)) if !error.is_corrupt() => {
                tracing::warn!(delivery.id = %delivery.id, %error, "cannot compose message; retrying later");
                self.not_started(delivery, connection_error(&error.to_string()))
            }
            Err(error) => {
                tracing::error!(delivery.id = %delivery.id, %error, "cannot compose message");
                let result = SmtpResult {
                    outcome: Outcome::Halted(HaltReason::Message),
                    reply: error.to_string(),
                };
                self.decide(delivery, &result)
            }
        };
        Err(Box::new(result))
    }

    /// Returns the result of a message that the shutdown has interrupted.
    fn interrupted(&self, delivery: &ClaimedDelivery, channel: &Channel) -> AttemptResult {
        let mut result = connection_error("worker stopped before the server replied");
        if channel.is_in_doubt() {
            result.outcome = Outcome::InDoubt;
            return self.decide(delivery, &result);
        }
        self.not_started(delivery, result)
    }

    /// Returns the result of a marked delivery for which no connection could be opened.
    pub(super) fn unreachable(
        &self,
        delivery: &ClaimedDelivery,
        error: SmtpResult,
    ) -> AttemptResult {
        match error.outcome {
            Outcome::Halted(_) => self.decide(delivery, &error),
            _ => self.not_started(delivery, error),
        }
    }

    /// Returns the result of a marked delivery that no server has received.
    ///
    /// It is deferred, and no attempt is charged.
    fn not_started(&self, delivery: &ClaimedDelivery, error: SmtpResult) -> AttemptResult {
        AttemptResult {
            update: defer_uncharged(delivery, error.reply, self.service.now(), self.jitter()),
            issue: delivery.issue,
            outcome: error.outcome,
            pause_reason: None,
        }
    }

    fn decide(&self, delivery: &ClaimedDelivery, result: &SmtpResult) -> AttemptResult {
        let policy = self.service.settings.in_doubt;
        let disposition = decide(delivery, result, policy, self.service.now(), self.jitter());
        AttemptResult {
            update: disposition.update,
            issue: delivery.issue,
            outcome: result.outcome,
            pause_reason: disposition.pause_reason,
        }
    }

    fn jitter(&self) -> u8 {
        self.service.random.bytes::<1>()[0]
    }
}

fn connection_error(description: &str) -> SmtpResult {
    SmtpResult {
        outcome: Outcome::Deferred(DeferReason::Connection),
        reply: description.to_owned(),
    }
}
