//! Deliveries of an issue: filter, search, failure reasons and CSV export.

use std::collections::HashMap;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use futures_util::stream::{self, Stream};
use serde::Deserialize;

use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::csv;
use crate::domain::delivery::DeliveryState::{self, *};
use crate::domain::email_address::EmailAddress;
use crate::domain::issue::IssueId;
use crate::mail::failure_reason::FailureReason;
use crate::store::{DeliveryRow, Store, StoreError};
use crate::web::admin::current_user::CurrentUser;
use crate::web::admin::issues::list::find_issue;
use crate::web::admin::issues::view::{
    DeliveryTableRow, FailureGroup, LookupResult, RecipientLookup,
};
use crate::web::admin::response::HandlerResult;
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// Rows per query of an export. Bounds the memory that an export uses.
const EXPORT_BATCH: i64 = 1_000;

/// SMTP replies shown as examples of one failure reason.
const MAX_EXAMPLES: usize = 3;

/// Characters of a typed address that the page shows again. No address is longer.
const MAX_ADDRESS_CHARS: usize = 254;

/// Selects deliveries by state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryStateFilter {
    /// All deliveries.
    All,
    /// Deliveries in this state. `Queued` includes leased and sending.
    In(DeliveryState),
    /// Deliveries that bounced, were skipped or are in doubt.
    Missed,
}

impl DeliveryStateFilter {
    /// Parses the query parameter `state`. Unknown values select all deliveries.
    pub fn parse(word: &str) -> Self {
        match DeliveryState::parse(word) {
            Ok(Leased | Sending) => Self::In(Queued),
            Ok(state) => Self::In(state),
            Err(_) if word == "missed" => Self::Missed,
            Err(_) => Self::All,
        }
    }

    /// Returns the query parameter, or `None` for all deliveries.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::In(state) => Some(state.as_str()),
            Self::Missed => Some("missed"),
        }
    }

    /// Returns the selected states; empty for all.
    pub fn states(self) -> Vec<DeliveryState> {
        match self {
            Self::All => Vec::new(),
            Self::In(Queued) => vec![Queued, Leased, Sending],
            Self::In(state) => vec![state],
            Self::Missed => vec![Bounced, Skipped, InDoubt],
        }
    }
}

/// Searches the recipient with this address. Returns the result and the delivery.
///
/// # Errors
/// Returns [`StoreError::Database`] if a query fails, and [`StoreError::Corrupt`] if a stored
/// value cannot be parsed.
pub async fn find_recipient(
    store: &Store,
    issue: &IssueId,
    address: &str,
) -> Result<(RecipientLookup, Vec<DeliveryRow>), StoreError> {
    let mut rows = Vec::new();
    let result = match EmailAddress::parse(address.trim()) {
        Err(_) => LookupResult::Invalid,
        Ok(address) => match store.subscriber_by_address(&address).await? {
            None => LookupResult::Unknown,
            Some(subscriber) => {
                rows.extend(store.issue_delivery(issue, &subscriber.id).await?);
                if rows.is_empty() {
                    LookupResult::NotRecipient
                } else {
                    LookupResult::Found
                }
            }
        },
    };
    let address = address.trim().chars().take(MAX_ADDRESS_CHARS).collect();
    Ok((RecipientLookup { address, result }, rows))
}

/// Groups failed deliveries by reason, the most frequent reason first.
///
/// # Errors
/// Returns [`StoreError::Database`] if a query fails, and [`StoreError::Corrupt`] if a stored
/// value cannot be parsed.
pub async fn failure_groups(
    store: &Store,
    issue: &IssueId,
) -> Result<Vec<FailureGroup>, StoreError> {
    let mut groups: HashMap<&'static str, FailureGroup> = HashMap::new();
    for state in [Bounced, InDoubt] {
        for reply in store.count_replies(issue, state).await? {
            let reason = match state {
                InDoubt => "in_doubt",
                _ => FailureReason::from_reply(&reply.example).as_str(),
            };
            let group = groups.entry(reason).or_insert_with(|| FailureGroup {
                count: 0,
                reason,
                replies: Vec::new(),
            });
            group.count += reply.count;
            if group.replies.len() < MAX_EXAMPLES && !reply.example.is_empty() {
                group.replies.push(reply.example);
            }
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| (-group.count, group.reason));
    Ok(groups)
}

/// Converts a delivery for the table.
pub fn delivery_row(row: DeliveryRow) -> DeliveryTableRow {
    DeliveryTableRow {
        address: row.address,
        state: row.state.as_str(),
        attempts: row.attempts,
        at: row.at,
        next_attempt_at: row.due_at.filter(|_| row.state == Deferred),
        reply: row.reply,
    }
}

/// Query of the export.
#[derive(Debug, Default, Deserialize)]
pub struct ExportQuery {
    #[serde(default)]
    state: String,
}

/// `GET /admin/issues/{number}/deliveries.csv?state=`: streams the deliveries as CSV.
pub async fn export(
    State(shared): State<SharedState>,
    user: CurrentUser,
    Path(number): Path<String>,
    Query(query): Query<ExportQuery>,
) -> HandlerResult {
    let issue = find_issue(&shared.web, &number).await?;
    let action = AuditAction::DeliveriesExported;
    user.audit(&shared, action, issue.number).await;
    let filter = DeliveryStateFilter::parse(&query.state);
    let state = filter.as_str().unwrap_or("all");
    let disposition = format!(
        "attachment; filename=\"issue-{}-{state}.csv\"",
        issue.number
    );
    let disposition = HeaderValue::try_from(disposition).map_err(|_| HttpError::Mangled)?;
    let content_type = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    let lines = csv_lines(shared.web.store.clone(), issue.id, filter);
    Ok((headers, Body::from_stream(lines)).into_response())
}

/// Streams the lines of the file while the deliveries are read from the database.
fn csv_lines(
    store: Store,
    issue: IssueId,
    filter: DeliveryStateFilter,
) -> impl Stream<Item = Result<Vec<u8>, StoreError>> {
    let header = csv::encode_record(["address", "state", "attempts", "at", "reply"]);
    let first = Some((header, None));
    stream::try_unfold(first, move |next: Option<(Vec<u8>, Option<String>)>| {
        let store = store.clone();
        async move {
            let Some((mut text, after)) = next else {
                return Ok(None);
            };
            let states = filter.states();
            let rows = store
                .issue_deliveries(&issue, &states, after.as_deref(), EXPORT_BATCH)
                .await?;
            for row in &rows {
                text.extend(csv_record(row));
            }
            let is_full = rows.len() as i64 == EXPORT_BATCH;
            let last = rows.into_iter().last().filter(|_| is_full);
            Ok(Some((text, last.map(|row| (Vec::new(), Some(row.id))))))
        }
    })
}

/// Formats as RFC 3339 with `+00:00`, and with milliseconds unless they are zero.
fn rfc3339_with_offset(at: Timestamp) -> String {
    let format = match at.as_millis() % 1000 {
        0 => "%Y-%m-%dT%H:%M:%S+00:00",
        _ => "%Y-%m-%dT%H:%M:%S%.3f+00:00",
    };
    at.to_utc().strftime(format).to_string()
}

fn csv_record(row: &DeliveryRow) -> Vec<u8> {
    csv::encode_record([
        row.address.as_deref().unwrap_or_default(),
        row.state.as_str(),
        &row.attempts.to_string(),
        &rfc3339_with_offset(row.at),
        row.reply.as_deref().unwrap_or_default(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delivery_filters_cover_each_state_once() {
        assert_eq!(DeliveryStateFilter::parse(""), DeliveryStateFilter::All);
        assert_eq!(
            DeliveryStateFilter::parse("nonsense"),
            DeliveryStateFilter::All
        );
        for word in [
            "queued",
            "deferred",
            "delivered",
            "bounced",
            "skipped",
            "in_doubt",
            "missed",
        ] {
            assert_eq!(DeliveryStateFilter::parse(word).as_str(), Some(word));
        }
        assert_eq!(
            DeliveryStateFilter::parse("sending").as_str(),
            Some("queued")
        );
        let all = ["queued", "deferred", "delivered", "missed"].map(DeliveryStateFilter::parse);
        let states: Vec<_> = all
            .into_iter()
            .flat_map(DeliveryStateFilter::states)
            .collect();
        for state in DeliveryState::ALL {
            assert_eq!(
                states.iter().filter(|other| *other == state).count(),
                1,
                "{state}"
            );
        }
    }
}
