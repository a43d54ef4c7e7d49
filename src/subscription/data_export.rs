//! What a reader gets who asks for all that is kept of them.

use chrono::SecondsFormat;
use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::domain::delivery::DeliveryKind;
use crate::store::{DeliveryRow, SubscriberRecord};

/// A record as it is handed over: times as RFC 3339, all names in full.
#[derive(Clone, Debug, Serialize)]
pub struct OwnData {
    address: String,
    name: Option<String>,
    state: &'static str,
    state_since: String,
    suppressed_why: Option<String>,
    paused_until: Option<String>,
    source: String,
    created_at: String,
    consent: Consent,
    /// The oldest first.
    mails: Vec<OwnMail>,
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
struct OwnMail {
    kind: &'static str,
    issue: Option<i64>,
    address: Option<String>,
    state: &'static str,
    attempts: i64,
    last_answer: Option<String>,
    at: String,
}

impl OwnData {
    /// Of the reader's record and their mails, the newest of these first.
    pub(super) fn of(record: SubscriberRecord, mut mails: Vec<DeliveryRow>) -> Self {
        // Without what went to an address they asked to move to: whether it is filed under
        // them would tell whose that address is.
        mails.retain(|mail| {
            mail.kind != DeliveryKind::ReaderLink
                || mail.address.as_deref() == Some(record.address.as_str())
        });
        Self {
            address: record.address,
            name: record.name,
            state: record.state.as_str(),
            state_since: iso(record.since),
            suppressed_why: record.suppression_reason,
            paused_until: record.paused_until.map(iso),
            source: record.source,
            created_at: iso(record.created_at),
            consent: Consent {
                asked_at: record.asked_at.map(iso),
                asked_ip: record.asked_ip,
                form_version: record.form_version,
                confirmed_at: record.confirmed_at.map(iso),
                confirmed_ip: record.confirmed_ip,
            },
            mails: mails.into_iter().rev().map(mail).collect(),
        }
    }

    /// As the file that is handed over.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("text and numbers make JSON")
    }
}

fn mail(row: DeliveryRow) -> OwnMail {
    OwnMail {
        kind: row.kind.as_str(),
        issue: row.issue,
        address: row.address,
        state: row.state.as_str(),
        attempts: row.attempts,
        last_answer: row.reply,
        at: iso(row.at),
    }
}

fn iso(at: Timestamp) -> String {
    at.to_utc().to_rfc3339_opts(SecondsFormat::Secs, true)
}
