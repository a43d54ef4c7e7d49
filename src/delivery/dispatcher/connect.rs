//! Opens connections to the mail server, with retries and circuit breaker.

use std::time::Duration;

use crate::delivery::circuit_breaker::BreakerState;
use crate::delivery::dispatcher::Dispatcher;
use crate::delivery::outcome::AttemptResult;
use crate::domain::delivery::outcome::{Outcome, SmtpResult};
use crate::mail::transport::Channel;
use crate::store::ClaimedDelivery;

/// Delays between connection attempts for one delivery.
///
/// After the last one the delivery is deferred and the next delivery is tried.
const CONNECT_BACKOFF: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

impl Dispatcher {
    /// Opens a connection. Returns `None` if `stop` was cancelled.
    ///
    /// # Errors
    ///
    /// Returns the last error if the server cannot be reached, if it rejects the login, or
    /// if the circuit breaker is open.
    pub(super) async fn open(
        &self,
        delivery: &ClaimedDelivery,
    ) -> Result<Option<Channel>, SmtpResult> {
        let mut backoff = CONNECT_BACKOFF.iter();
        let mut is_probe = false;
        loop {
            let guard = tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                guard = self.breaker.acquire_probe() => guard,
            };
            // The probe connection keeps its permission across retries.
            if !is_probe {
                match self.breaker_state(delivery).await {
                    BreakerState::Open(error) => return Err(error),
                    BreakerState::HalfOpen => is_probe = true,
                    BreakerState::Closed => {}
                }
            }
            let opened = tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                opened = self.service.transport.open() => opened,
            };
            let error = match opened {
                Ok(channel) => {
                    self.breaker.record_login();
                    return Ok(Some(channel));
                }
                Err(error) => error,
            };
            self.concurrency.observe(error.outcome);
            if matches!(error.outcome, Outcome::Halted(_)) {
                self.breaker.trip(error.clone());
            }
            drop(guard);
            let can_retry = matches!(error.outcome, Outcome::Deferred(_))
                && self.concurrency.is_allowed(self.number);
            let Some(delay) = backoff.next().filter(|_| can_retry) else {
                return Err(error);
            };
            tracing::warn!(delivery.id = %delivery.id, error = %error.reply, "cannot connect to mail server; retrying");
            tokio::select! {
                () = self.stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(*delay) => {}
            }
        }
    }

    /// Returns the breaker state for this delivery.
    ///
    /// Resuming an issue that was paused for a failed login resets the breaker.
    async fn breaker_state(&self, delivery: &ClaimedDelivery) -> BreakerState {
        let paused_issue = delivery
            .issue
            .filter(|issue| self.breaker.was_paused(issue));
        let state = self.breaker.state();
        if matches!(state, BreakerState::Open(_))
            && let Some(issue) = paused_issue
            && let Ok(running) = self.service.store.sending_issues().await
            && running.contains(&issue)
        {
            self.breaker.reset();
            return BreakerState::Closed;
        }
        state
    }

    /// Defers a delivery for which no connection could be opened, without charging an
    /// attempt. Returns `None` if the delivery may not be sent and was released.
    pub(super) async fn defer_unreachable(
        &self,
        delivery: &ClaimedDelivery,
        error: SmtpResult,
    ) -> Option<AttemptResult> {
        // Results are recorded for deliveries in `sending` only, so mark it first.
        if !self.commit(None, Some(delivery.into())).await {
            self.release(delivery).await;
            return None;
        }
        Some(self.unreachable(delivery, error))
    }
}
