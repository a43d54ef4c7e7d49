//! Trying whether mail leaves: one mail, sent while someone waits for the answer.

use std::time::Duration;

use crate::app::identity::identity;
use crate::app::{App, AppError};
use crate::domain::delivery::DeliveryId;
use crate::domain::delivery::outcome::{DeferReason, HaltReason, Outcome, SmtpResult};
use crate::domain::delivery::verp::ReturnPath;
use crate::domain::email_address::EmailAddress;
use crate::mail::compose::{Mail, MessageId};
use crate::mail::templates::AlertEvent;
use crate::mail::transport::{Outgoing, Transport};
use crate::web::admin::settings::service::{TestMailProblem, TestMailResult};

/// Nobody waits longer before a page.
const PATIENCE: Duration = Duration::from_secs(20);

impl App {
    /// Sends a mail to `to` at once, past the queue.
    pub(super) async fn try_sending(&self, to: &EmailAddress) -> TestMailResult {
        let server = self.settings.smtp.url.as_ref();
        if server.is_some() && self.settings.newsletter.from.is_none() {
            return TestMailResult::NoSender;
        }
        let place = server.map_or_else(String::new, |server| server.host().to_owned());
        let our_side = |error: AppError| TestMailResult::Failed {
            server: place.clone(),
            reply: error.to_string(),
            problem: TestMailProblem::LocalFile,
        };
        let (transport, message, id) = match self.prepare(to) {
            Ok(prepared) => prepared,
            Err(error) => return our_side(error),
        };
        let sent = tokio::time::timeout(PATIENCE, self.send(&transport, &id, to, message)).await;
        let report = sent.unwrap_or_else(|_| SmtpResult {
            outcome: Outcome::Deferred(DeferReason::Connection),
            reply: format!("no answer within {} s", PATIENCE.as_secs()),
        });
        match (&transport, report.outcome) {
            (Transport::Outbox(_), Outcome::Delivered) => TestMailResult::Stored,
            (Transport::Smtp(_), Outcome::Delivered) => {
                match self.store.record_smtp_success(&place).await {
                    Ok(()) => TestMailResult::Accepted { server: place },
                    Err(error) => our_side(error.into()),
                }
            }
            _ => TestMailResult::Failed {
                server: transport.place(),
                problem: diagnose(&report),
                reply: report.reply,
            },
        }
    }

    fn prepare(&self, to: &EmailAddress) -> Result<(Transport, Vec<u8>, DeliveryId), AppError> {
        let identity = identity(&self.settings);
        let alert = identity.alert(AlertEvent::SendingTried);
        let content = self.templates()?.render(&alert);
        let content = content.map_err(|fault| AppError::Templates(vec![fault]))?;
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
            Err(report) => return report,
        };
        let identity = identity(&self.settings);
        let return_path = self.settings.smtp.return_path.as_ref();
        let return_path = return_path.map(ReturnPath::address);
        let report = channel
            .send(Outgoing {
                delivery,
                envelope_from: return_path.unwrap_or(identity.from.address()),
                to,
                message,
            })
            .await;
        channel.close().await;
        report
    }
}

/// What a person would make of it. Servers agree on codes, not on words.
fn diagnose(report: &SmtpResult) -> TestMailProblem {
    let says = report.reply.to_lowercase();
    let speaks_of = |words: &[&str]| words.iter().any(|word| says.contains(word));
    match report.outcome {
        Outcome::Deferred(DeferReason::Connection) | Outcome::InDoubt => {
            if speaks_of(&["lookup", "resolve", "name or service", "no such host"]) {
                TestMailProblem::NoSuchHost
            } else {
                TestMailProblem::Unreachable
            }
        }
        Outcome::Halted(HaltReason::Settings) if speaks_of(&["tls", "certificate"]) => {
            TestMailProblem::Tls
        }
        Outcome::Halted(HaltReason::Settings) => TestMailProblem::Login,
        Outcome::Deferred(_) => TestMailProblem::TemporarilyRejected,
        Outcome::Halted(HaltReason::OurMessage) | Outcome::Bounced(_) | Outcome::Delivered => {
            TestMailProblem::Rejected
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::outcome::BounceReason;

    #[test]
    fn words_and_codes_become_something_to_do() {
        for (outcome, says, means) in [
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
            let report = SmtpResult {
                outcome,
                reply: says.to_owned(),
            };
            assert_eq!(diagnose(&report), means, "{says}");
        }
    }
}
