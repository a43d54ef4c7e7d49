//! `/api/v1/issues`

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::digest::Sums;
use crate::domain::clock::Timestamp;
use crate::domain::issue::{IssueNumber, IssueStatus};
use crate::store::IssueRow;
use crate::web::api::asked::{ApiQuery, NoBody, page_of, page_size};
use crate::web::api::bearer::ApiCaller;
use crate::web::api::problem::Problem;
use crate::web::api::{HandlerResult, answer};
use crate::web::issue_deed::IssueAction;
use crate::web::pagination::split_page;
use crate::web::state::SharedState;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct List {
    after: Option<String>,
    limit: Option<String>,
}

/// An issue as programs see it.
#[derive(Serialize)]
struct Told {
    number: i64,
    slot: Option<String>,
    /// `Standing::as_str`
    state: &'static str,
    subject: String,
    preheader: String,
    begun_at: i64,
    finished_at: Option<i64>,
    paused_why: Option<String>,
    paused_by: Option<String>,
    recipients: i64,
    #[serde(flatten)]
    sums: Sums,
}

impl From<IssueRow> for Told {
    fn from(issue: IssueRow) -> Self {
        Self {
            number: issue.number.get(),
            slot: issue.slot.as_ref().map(ToString::to_string),
            state: issue.standing().as_str(),
            sums: (&issue.tally).into(),
            subject: issue.subject,
            preheader: issue.preheader,
            begun_at: issue.frozen_at.as_millis(),
            finished_at: issue.finished_at.map(Timestamp::as_millis),
            paused_why: issue.paused_why,
            paused_by: issue.paused_by,
            recipients: issue.recipients,
        }
    }
}

/// The newest first.
pub async fn list(
    State(shared): State<SharedState>,
    ApiQuery(asked): ApiQuery<List>,
) -> HandlerResult {
    let size = page_size(asked.limit.as_deref())?;
    let before = asked.after.as_deref().map(IssueNumber::parse).transpose();
    let before = before.map_err(|error| Problem::field("after", error))?;
    let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
    let mut rows = shared.web.store.issues(before, limit).await?;
    let next = split_page(&mut rows, size).map(|issue| issue.number.to_string());
    let issues = rows.into_iter().map(Told::from).collect();
    answer(StatusCode::OK, &page_of("issues", issues, next))
}

pub async fn one(State(shared): State<SharedState>, Path(number): Path<String>) -> HandlerResult {
    let issue = find(&shared, &number).await?;
    answer(StatusCode::OK, &Told::from(issue))
}

/// Pauses, resumes, cancels, or sends again. What does not fit the issue's state changes
/// nothing, and is said.
pub async fn act(
    State(shared): State<SharedState>,
    caller: ApiCaller,
    Path(number): Path<String>,
    _: NoBody,
    deed: IssueAction,
) -> HandlerResult {
    let issue = find(&shared, &number).await?;
    let changed = deed.apply(&shared, &issue, &caller.in_words()).await?;
    if changed > 0 {
        caller.audit(&shared, deed.action(), issue.number).await;
    }
    let issue = find(&shared, &number).await?;
    if changed == 0 {
        return Err(Problem::conflict(why_not(deed, &issue)));
    }
    let copies = match deed {
        IssueAction::TryNow | IssueAction::SendAgain => Some(changed),
        IssueAction::Pause | IssueAction::Resume | IssueAction::Cancel => None,
    };
    let state = issue.standing().as_str();
    let told = json!({ "issue": issue.number.get(), "state": state, "copies": copies });
    answer(StatusCode::OK, &told)
}

fn why_not(deed: IssueAction, issue: &IssueRow) -> String {
    let number = issue.number;
    let state = match issue.standing() {
        IssueStatus::SentWithFailures => "sent",
        standing => standing.as_str(),
    };
    match deed {
        IssueAction::Pause => {
            format!("No. {number} is {state}. Only what is being sent can be paused.")
        }
        IssueAction::Resume => {
            format!("No. {number} is {state}. Only what is paused can be resumed.")
        }
        IssueAction::Cancel => format!(
            "No. {number} is {state}. Only what is being sent or is paused can be cancelled."
        ),
        IssueAction::TryNow => {
            format!("No. {number} is {state}, and none of its copies waits for a later try.")
        }
        IssueAction::SendAgain => format!(
            "No. {number} is {state}, and nobody who still wants it bounced or is in doubt."
        ),
    }
}

pub(super) async fn find(shared: &SharedState, number: &str) -> Result<IssueRow, Problem> {
    let nothing = || Problem::not_found("There is no issue of this number.");
    let number = IssueNumber::parse(number).map_err(|_| nothing())?;
    let issue = shared.web.store.issue(number).await?;
    issue.ok_or_else(nothing)
}
