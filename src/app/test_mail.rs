//! The test email of the admin UI: sent at once, while the page waits for the result.

use std::time::Duration;

use crate::app::context::App;
use crate::app::error::AppError;
use crate::app::identity::identity;
use crate::domain::delivery::DeliveryId;
use crate::domain::delivery::outcome::{DeferReason, HaltReason, Outcome, SmtpResult};
use crate::domain::delivery::verp::ReturnPath;
use crate::domain::email_address::EmailAddress;
use crate::mail::compose::{Mail, MessageId};
use crate::mail::templates::AlertEvent;
use crate::mail::transport::{Outgoing, Transport};
use crate::web::admin::settings::service::{TestMailProblem, TestMailResult};

/// Maximum time for sending: the page is shown when the result is known.
const SEND_TIMEOUT: Duration = Duration::from_secs(20);

impl App {
    /// Sends a test email to `to` at once, bypassing the queue.
    pub(super) async fn send_test_mail(&self, to: &EmailAddress) -> TestMailResult {
        let server = self.settings.smtp.url.as_ref();
        if server.is_some() && self.settings.newsletter.from.is_none() {
            return TestMailResult::NoSender;
        }
        let host = server.map_or_else(String::new, |server| server.host().to_owned());
        let local_error = |error: AppError| TestMailResult::Failed {
            server: host.clone(),
            reply: error.to_string(),
            problem: TestMailProblem::LocalFile,
        };
        let (transport, message, id) = match self.prepare(to) {
            Ok(prepared) => prepared,
            Err(error) => return local_error(error),
        };
        let sent = self.send(&transport, &id, to, message);
        let sent = tokio::time::timeout(SEND_TIMEOUT, sent).await;
        let result = sent.unwrap_or_else(|_| SmtpResult {
            outcome: Outcome::Deferred(DeferReason::Connection),
            reply: format!("no reply within {} s", SEND_TIMEOUT.as_secs()),
        });
        match (&transport, result.outcome) {
            (Transport::Outbox(_), Outcome::Delivered) => TestMailResult::Stored,
            (Transport::Smtp(_), Outcome::Delivered) => {
                match self.store.record_smtp_success(&host).await {
                    Ok(()) => TestMailResult::Accepted { server: host },
                    Err(error) => local_error(error.into()),
                }
            }
            _ => TestMailResult::Failed {
                server: transport.display_name(),
                problem: diagnose(&result),
                reply: result.reply,
            },
        }
    }

    fn prepare(&self, to: &EmailAddress) -> Result<(Transport, Vec<u8>, DeliveryId), AppError> {
        let identity = identity(&self.settings);
        let alert = identity.alert_mail(AlertEvent::SendingTried);
        let content = self.templates()?.render(&alert);
        let content = content.map_err(|error| AppError::Templates(vec![error]))?;
        let mail = Mail {
            from: &identity.from,
            reply_to: identity.reply_to.as_ref(),
            date: self.clock.now(),
            content: &content,
            list: None,
        };
        let message = mail.encode(to, &MessageId::new(&self.random.bytes(), &identity.from));
        let message = match self.signer()? {
            Some(signer) => signer.sign(&message)?,
            None => message,
        };
        let id = DeliveryId::from_stored(self.random.uuid_v7(self.clock.now()).to_string());
        Ok((self.transport()?, message, id))
    }

    async fn send(
        &self,
        transport: &Transport,
        delivery: &DeliveryId,
        to: &EmailAddress,
        message: Vec<u8>,
    ) -> SmtpResult {
        let mut channel = match transport.open().await {
            Ok(channel) => channel,
            Err(result) => return result,
        };
        let identity = identity(&self.settings);
        let return_path = self.settings.smtp.return_path.as_ref();
        let return_path = return_path.map(ReturnPath::address);
        let result = channel
            .send(Outgoing {
                delivery,
                envelope_from: return_path.unwrap_or(identity.from.address()),
                to,
                message,
            })
            .await;
        channel.close().await;
        result
    }
}

/// Classifies a failed test by its cause. Looks at the text of the reply where the outcome
/// alone is ambiguous; the text differs between servers.
fn diagnose(result: &SmtpResult) -> TestMailProblem {
    let reply = result.reply.to_lowercase();
    let mentions = |words: &[&str]| words.iter().any(|word| reply.contains(word));
    match result.outcome {
        Outcome::Deferred(DeferReason::Connection) | Outcome::InDoubt => {
            if mentions(&["lookup", "resolve", "name or service", "no such host"]) {
                TestMailProblem::NoSuchHost
            } else {
                TestMailProblem::Unreachable
            }
        }
        Outcome::Halted(HaltReason::Settings) if mentions(&["tls", "certificate"]) => {
            TestMailProblem::Tls
        }
        Outcome::Halted(HaltReason::Settings) => TestMailProblem::Login,
        Outcome::Deferred(_) => TestMailProblem::TemporarilyRejected,
        Outcome::Halted(HaltReason::Message) | Outcome::Bounced(_) | Outcome::Delivered => {
            TestMailProblem::Rejected
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::outcome::BounceReason;

    #[test]
    fn diagnose_classifies_reply_and_outcome() {
        for (outcome, reply, problem) in [
            (
                Outcome::Halted(HaltReason::Settings),
                "535 5.7.8 Error: authentication failed",
                TestMailProblem::Login,
            ),
            (
                Outcome::Halted(HaltReason::Settings),
                "smtp.url requires TLS, but the server offers no STARTTLS; nothing was sent",
                TestMailProblem::Tls,
            ),
            (
                Outcome::Deferred(DeferReason::Connection),
                "Connection refused (os error 111) (connecting)",
                TestMailProblem::Unreachable,
            ),
            (
                Outcome::Deferred(DeferReason::Connection),
                "failed to lookup address information: Name or service not known (connecting)",
                TestMailProblem::NoSuchHost,
            ),
            (
                Outcome::Bounced(BounceReason::Policy),
                "550 5.7.1 Relaying denied",
                TestMailProblem::Rejected,
            ),
            (
                Outcome::Deferred(DeferReason::Refused),
                "451 4.7.1 Greylisted",
                TestMailProblem::TemporarilyRejected,
            ),
        ] {
            let result = SmtpResult {
                outcome,
                reply: reply.to_owned(),
            };

            assert_eq!(diagnose(&result), problem, "{reply}");
        }
    }
}
