//! Applies a report to its delivery and its subscriber.

use serde::Serialize;

use crate::domain::delivery::report_effect::ReportEffect;
use crate::domain::subscriber::SubscriberState;
use crate::mail::reply::one_line;
use crate::reports::identify::Proof;
use crate::reports::parse::finding::{Finding, ReportKind};
use crate::reports::parse::parse_report;
use crate::reports::parse::verdict::Verdict;
use crate::reports::service::{MAX_REPORT_BYTES, ReportService};
use crate::store::{DeliveryReport, StoreError, Subscriber, Unsubscribe};

/// What became of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportOutcome {
    /// The delivery bounced.
    Bounced,
    /// The recipient complained.
    Complained,
    /// The recipient was unsubscribed.
    Unsubscribed,
    /// The message is still being tried.
    Deferred,
    /// The mail changes nothing: an automatic reply, for example.
    Ignored,
    /// The report does not prove whose delivery it is about.
    Unknown,
}

/// The result of reading one report.
#[derive(Clone, Debug, Serialize)]
pub struct ReportResult {
    /// What became of the report.
    pub result: ReportOutcome,
    /// Address of the subscriber whom the report proves.
    pub address: Option<String>,
    /// Number of the issue.
    pub issue: Option<i64>,
    /// Enhanced status code.
    pub status: Option<String>,
    /// The reason, on one line.
    pub why: String,
}

impl ReportService {
    /// Reads a report and applies it. A repeated report changes nothing.
    ///
    /// Bytes after [`MAX_REPORT_BYTES`] are not read.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored value cannot be parsed.
    pub async fn read_report(&self, bytes: &[u8]) -> Result<ReportResult, StoreError> {
        let report = parse_report(&bytes[..bytes.len().min(MAX_REPORT_BYTES)]);
        let finding = report.finding;
        let (outcome, effect) = match finding.kind {
            ReportKind::Failed(Verdict::Dead) => (ReportOutcome::Bounced, ReportEffect::Dead),
            ReportKind::Failed(Verdict::Full) => (ReportOutcome::Bounced, ReportEffect::Full),
            ReportKind::Failed(Verdict::Soft) => (ReportOutcome::Bounced, ReportEffect::Soft),
            ReportKind::Complaint => (ReportOutcome::Complained, ReportEffect::Complaint),
            ReportKind::OptOut => (ReportOutcome::Unsubscribed, ReportEffect::OptOut),
            ReportKind::Delayed => return Ok(result(ReportOutcome::Deferred, &finding, None)),
            ReportKind::Other => return Ok(result(ReportOutcome::Ignored, &finding, None)),
        };
        let Some(proof) = self.identify(&report.texts).await? else {
            return Ok(result(ReportOutcome::Unknown, &finding, None));
        };
        let Some(subscriber) = self.store.subscriber(&proof.subscriber).await? else {
            return Ok(result(ReportOutcome::Unknown, &finding, None));
        };
        if !concerns_subscriber(effect, &proof, &subscriber) {
            return Ok(result(ReportOutcome::Ignored, &finding, None));
        }
        self.apply(effect, &proof, &finding).await?;
        Ok(result(outcome, &finding, Some((&proof, &subscriber))))
    }

    async fn apply(
        &self,
        effect: ReportEffect,
        proof: &Proof,
        finding: &Finding,
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let report = DeliveryReport {
            subscriber: proof.subscriber,
            delivery: proof.delivery.as_ref().map(|delivery| delivery.id.clone()),
            effect,
            reason: one_line(&finding.reason),
        };
        if !self.store.apply_report(&report, now).await? {
            tracing::info!(subscriber.id = %proof.subscriber, "report was applied before");
            return Ok(());
        }
        tracing::info!(subscriber.id = %proof.subscriber, effect = effect.as_str(), "report applied");
        if effect == ReportEffect::OptOut {
            let request = Unsubscribe {
                id: proof.subscriber,
                nonce: hex::encode(self.random.bytes::<16>()),
            };
            self.store.unsubscribe(&[request], now).await?;
        }
        Ok(())
    }
}

/// Returns whether the report may change the subscriber.
///
/// A bounce of other mail than issues concerns sign-ups only: the mail to a new address of a
/// subscriber must not suppress the current one.
fn concerns_subscriber(effect: ReportEffect, proof: &Proof, subscriber: &Subscriber) -> bool {
    proof.delivery.is_some()
        || !effect.is_bounce()
        || (effect == ReportEffect::Dead && subscriber.state == SubscriberState::Pending)
}

fn result(
    outcome: ReportOutcome,
    finding: &Finding,
    proven: Option<(&Proof, &Subscriber)>,
) -> ReportResult {
    let issue = proven.and_then(|(proof, _)| proof.delivery.as_ref());
    ReportResult {
        result: outcome,
        address: proven.map(|(_, subscriber)| subscriber.address.to_string()),
        issue: issue.map(|delivery| delivery.issue.get()),
        status: finding.status.clone(),
        why: one_line(&finding.reason),
    }
}
