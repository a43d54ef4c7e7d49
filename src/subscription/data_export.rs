//! Export of all data stored about one subscriber (GDPR Art. 15 and 20).

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::DeliveryKind;
use crate::store::{DeliveryRow, SubscriberRecord};

/// All data stored about one subscriber. Serialized with times in RFC 3339.
#[derive(Clone, Debug, Serialize)]
pub struct DataExport {
    address: String,
    name: Option<String>,
    state: &'static str,
    state_since: String,
    suppressed_why: Option<String>,
    paused_until: Option<String>,
    source: String,
    created_at: String,
    consent: Consent,
    /// Oldest first.
    mails: Vec<Mail>,
}

#[derive(Clone, Debug, Serialize)]
struct Consent {
    asked_at: Option<String>,
    asked_ip: Option<String>,
    form_version: Option<String>,
    confirmed_at: Option<String>,
    confirmed_ip: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
struct Mail {
    kind: &'static str,
    issue: Option<i64>,
    address: Option<String>,
    state: &'static str,
    attempts: i64,
    last_answer: Option<String>,
    at: String,
}

impl DataExport {
    /// Creates the export from a subscriber's record and deliveries, newest delivery first.
    pub(super) fn new(record: SubscriberRecord, mut deliveries: Vec<DeliveryRow>) -> Self {
        // Excludes emails sent to an address that the subscriber wanted to change to: their
        // presence would reveal whether another subscriber has that address.
        deliveries.retain(|delivery| {
            delivery.kind != DeliveryKind::SubscriberLink
                || delivery.address.as_deref() == Some(record.address.as_str())
        });
        Self {
            address: record.address,
            name: record.name,
            state: record.state.as_str(),
            state_since: rfc3339(record.since),
            suppressed_why: record.suppression_reason,
            paused_until: record.paused_until.map(rfc3339),
            source: record.source,
            created_at: rfc3339(record.created_at),
            consent: Consent {
                asked_at: record.asked_at.map(rfc3339),
                asked_ip: record.asked_ip,
                form_version: record.form_version,
                confirmed_at: record.confirmed_at.map(rfc3339),
                confirmed_ip: record.confirmed_ip,
            },
            mails: deliveries.into_iter().rev().map(Mail::from).collect(),
        }
    }

    /// Returns the export as indented JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("strings and numbers serialize to JSON")
    }
}

impl From<DeliveryRow> for Mail {
    fn from(delivery: DeliveryRow) -> Self {
        Self {
            kind: delivery.kind.as_str(),
            issue: delivery.issue,
            address: delivery.address,
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            last_answer: delivery.reply,
            at: rfc3339(delivery.at),
        }
    }
}

fn rfc3339(at: Timestamp) -> String {
    at.to_rfc3339()
}
