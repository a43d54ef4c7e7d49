//! Who got an issue and who did not: as a page, as a file, and one by one.

use std::collections::HashMap;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde::Deserialize;

use crate::domain::audit::AuditAction;
use crate::domain::csv;
use crate::domain::delivery::DeliveryState::{self, *};
use crate::domain::email_address::EmailAddress;
use crate::domain::issue::IssueId;
use crate::mail::failure_reason::Reason;
use crate::store::{DeliveryRow, Store, StoreError};
use crate::web::admin::current_user::CurrentUser;
use crate::web::admin::issues::list;
use crate::web::admin::issues::view::{DeliveryLine, FailureGroup, LookUp, Looked};
use crate::web::admin::response::HandlerResult;
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// Rows read at once for a file.
const CHUNK: i64 = 1_000;
/// Servers' words shown of one reason.
const EXAMPLES: usize = 3;
/// No address is longer.
const LONGEST: usize = 254;

/// Which copies are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    All,
    In(DeliveryState),
    /// All who were to get it and did not, or perhaps did not.
    Missed,
}

impl Filter {
    /// What is no filter is none.
    pub fn parse(word: &str) -> Self {
        match DeliveryState::parse(word) {
            Ok(Leased | Sending) => Self::In(Queued),
            Ok(state) => Self::In(state),
            Err(_) if word == "missed" => Self::Missed,
            Err(_) => Self::All,
        }
    }

    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::All => None,
            Self::In(state) => Some(state.as_str()),
            Self::Missed => Some("missed"),
        }
    }

    /// "Waiting" is one to people.
    pub fn states(self) -> Vec<DeliveryState> {
        match self {
            Self::All => Vec::new(),
            Self::In(Queued) => vec![Queued, Leased, Sending],
            Self::In(state) => vec![state],
            Self::Missed => vec![Bounced, Skipped, InDoubt],
        }
    }
}

/// Looks up one address: what to say of it, and its copy.
pub async fn look_up(
    store: &Store,
    issue: &IssueId,
    address: &str,
) -> Result<(LookUp, Vec<DeliveryRow>), StoreError> {
    let mut rows = Vec::new();
    let came = match EmailAddress::parse(address.trim()) {
        Err(_) => Looked::Fault,
        Ok(address) => match store.subscriber_by_address(&address).await? {
            None => Looked::Unknown,
            Some(reader) => {
                rows.extend(store.issue_delivery(issue, &reader.id).await?);
                if rows.is_empty() {
                    Looked::NoRecipient
                } else {
                    Looked::Found
                }
            }
        },
    };
    let address = address.trim().chars().take(LONGEST).collect();
    Ok((LookUp { address, came }, rows))
}

/// Why copies failed, the commonest reason first.
pub async fn failures(store: &Store, issue: &IssueId) -> Result<Vec<FailureGroup>, StoreError> {
    let mut groups: HashMap<&'static str, FailureGroup> = HashMap::new();
    for state in [Bounced, InDoubt] {
        for reply in store.replies(issue, state).await? {
            let reason = match state {
                InDoubt => "in_doubt",
                _ => Reason::of(&reply.example).as_str(),
            };
            let group = groups.entry(reason).or_insert_with(|| FailureGroup {
                count: 0,
                reason,
                words: Vec::new(),
            });
            group.count += reply.count;
            if group.words.len() < EXAMPLES && !reply.example.is_empty() {
                group.words.push(reply.example);
            }
        }
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| (-group.count, group.reason));
    Ok(groups)
}

pub fn line(row: DeliveryRow) -> DeliveryLine {
    DeliveryLine {
        address: row.address,
        state: row.state.as_str(),
        attempts: row.attempts,
        at: row.at,
        next_at: row.due_at.filter(|_| row.state == Deferred),
        reply: row.reply,
    }
}

#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    state: String,
}

/// `/admin/issues/{number}/deliveries.csv?state=`, as long as it may be.
pub async fn file(
    State(shared): State<SharedState>,
    editor: CurrentUser,
    Path(number): Path<String>,
    Query(asked): Query<Asked>,
) -> HandlerResult {
    let issue = list::find(&shared.web, &number).await?;
    let did = AuditAction::DeliveriesExported;
    editor.audit(&shared, did, issue.number).await;
    let filter = Filter::parse(&asked.state);
    let which = filter.as_str().unwrap_or("all");
    let name = format!(
        "attachment; filename=\"issue-{}-{which}.csv\"",
        issue.number
    );
    let name = HeaderValue::try_from(name).map_err(|_| HttpError::Mangled)?;
    let lines = lines(shared.web.store.clone(), issue.id, filter);
    Ok(download(name, Body::from_stream(lines)))
}

fn download(name: HeaderValue, body: Body) -> Response {
    let kind = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, name),
    ];
    (headers, body).into_response()
}

/// The file's lines, as they are read from the database.
fn lines(
    store: Store,
    issue: IssueId,
    filter: Filter,
) -> impl Stream<Item = Result<Vec<u8>, StoreError>> {
    let head = csv::line(["address", "state", "attempts", "at", "reply"]);
    let first = Some((head, None));
    stream::try_unfold(first, move |next: Option<(Vec<u8>, Option<String>)>| {
        let store = store.clone();
        async move {
            let Some((mut text, after)) = next else {
                return Ok(None);
            };
            let states = filter.states();
            let rows = store
                .issue_deliveries(&issue, &states, after.as_deref(), CHUNK)
                .await?;
            for row in &rows {
                text.extend(record(row));
            }
            let is_full = rows.len() as i64 == CHUNK;
            let last = rows.into_iter().last().filter(|_| is_full);
            Ok(Some((text, last.map(|row| (Vec::new(), Some(row.id))))))
        }
    })
}

fn record(row: &DeliveryRow) -> Vec<u8> {
    csv::line([
        row.address.as_deref().unwrap_or_default(),
        row.state.as_str(),
        &row.attempts.to_string(),
        &row.at.to_utc().to_rfc3339(),
        row.reply.as_deref().unwrap_or_default(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_covers_what_its_word_says() {
        assert_eq!(Filter::parse(""), Filter::All);
        assert_eq!(Filter::parse("nonsense"), Filter::All);
        for word in [
            "queued",
            "deferred",
            "delivered",
            "bounced",
            "skipped",
            "in_doubt",
            "missed",
        ] {
            assert_eq!(Filter::parse(word).as_str(), Some(word));
        }
        assert_eq!(Filter::parse("sending").as_str(), Some("queued"));
        let all = ["queued", "deferred", "delivered", "missed"].map(Filter::parse);
        let states: Vec<_> = all.into_iter().flat_map(Filter::states).collect();
        for state in DeliveryState::ALL {
            assert_eq!(
                states.iter().filter(|it| *it == state).count(),
                1,
                "{state}"
            );
        }
    }
}
