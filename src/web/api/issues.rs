//! `/api/v1/issues`

use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use crate::digest::IssueAction;
use crate::domain::clock::Timestamp;
use crate::domain::issue::{IssueNumber, IssueStatus};
use crate::store::IssueRow;
use crate::web::api::auth::ApiCaller;
use crate::web::api::enum_schemas::IssueStateSchema;
use crate::web::api::extract::{ApiQuery, NoBody, parse_page_size};
use crate::web::api::problem::{Problem, ProblemBody};
use crate::web::api::response::{HandlerResult, json_response};
use crate::web::pagination::split_page;
use crate::web::state::SharedState;

/// Path parameter.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct IssuePath {
    /// Issue number, as subscribers see it.
    #[param(value_type = i64, minimum = 1, example = json!(1))]
    pub number: String,
}

/// Query of [`list`].
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// `next` of the previous page.
    #[param(nullable = false, pattern = "^[1-9][0-9]{0,17}$")]
    after: Option<String>,
    /// Number of rows of a page.
    #[param(value_type = i64, required = false, minimum = 1, maximum = 500, default = json!(50))]
    limit: Option<String>,
}

/// A page of issues.
#[derive(Serialize, ToSchema)]
#[schema(as = IssuePage)]
struct PageResponse {
    issues: Vec<IssueResponse>,
    /// `after` of the next page, or null on the last page.
    #[schema(required)]
    next: Option<String>,
}

/// An issue.
#[derive(Serialize, ToSchema)]
#[schema(as = Issue)]
struct IssueResponse {
    #[schema(minimum = 1)]
    number: i64,
    /// ISO week of the issue; null for an extra issue outside the weekly schedule.
    #[schema(required)]
    slot: Option<String>,
    #[schema(value_type = IssueStateSchema)]
    state: &'static str,
    subject: String,
    preheader: String,
    /// When sending started, in Unix milliseconds.
    begun_at: i64,
    /// When sending finished, in Unix milliseconds; null before.
    #[schema(required)]
    finished_at: Option<i64>,
    /// SMTP reply that caused an automatic pause; null otherwise.
    #[schema(required)]
    paused_why: Option<String>,
    /// Who paused the issue: the address of an account, or a token, as `the token shop`.
    #[schema(required)]
    paused_by: Option<String>,
    /// Always delivered + deferred + bounced + skipped + `in_doubt` + queued. An estimate until
    /// all deliveries are enqueued, which takes seconds for a large list.
    #[schema(minimum = 0)]
    recipients: i64,
    #[schema(minimum = 0)]
    delivered: i64,
    /// Temporarily rejected; retried later.
    #[schema(minimum = 0)]
    deferred: i64,
    #[schema(minimum = 0)]
    bounced: i64,
    /// No longer wanted before sending started.
    #[schema(minimum = 0)]
    skipped: i64,
    /// Sent, but the reply of the server was lost.
    #[schema(minimum = 0)]
    in_doubt: i64,
    /// Not sent yet, or being sent.
    #[schema(minimum = 0)]
    queued: i64,
}

impl From<IssueRow> for IssueResponse {
    fn from(issue: IssueRow) -> Self {
        Self {
            number: issue.number.get(),
            slot: issue.slot.as_ref().map(ToString::to_string),
            state: issue.status().as_str(),
            subject: issue.subject,
            preheader: issue.preheader,
            begun_at: issue.frozen_at.as_millis(),
            finished_at: issue.finished_at.map(Timestamp::as_millis),
            paused_why: issue.pause_reason,
            paused_by: issue.paused_by,
            recipients: issue.recipients,
            delivered: issue.counts.delivered,
            deferred: issue.counts.deferred,
            bounced: issue.counts.bounced,
            skipped: issue.counts.skipped,
            in_doubt: issue.counts.in_doubt,
            queued: issue.counts.queued,
        }
    }
}

/// Lists issues.
///
/// Newest first.
#[utoipa::path(
    get, path = "/issues", operation_id = "listIssues", tag = "Issues", params(ListQuery),
    responses((status = 200, description = "A page of issues.", body = PageResponse,
        example = json!({ "issues": [issue_example()], "next": "43" }))),
)]
pub async fn list(
    State(state): State<SharedState>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> HandlerResult {
    let size = parse_page_size(query.limit.as_deref())?;
    let before = query.after.as_deref().map(IssueNumber::parse).transpose();
    let before = before.map_err(|error| Problem::field("after", error))?;
    let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
    let mut rows = state.web.store.issues(before, limit).await?;
    let next = split_page(&mut rows, size).map(|issue| issue.number.to_string());
    let issues = rows.into_iter().map(IssueResponse::from).collect();
    json_response(StatusCode::OK, &PageResponse { issues, next })
}

/// Returns an issue.
///
/// Contains the number of deliveries in each state.
#[utoipa::path(
    get, path = "/issues/{number}", operation_id = "getIssue", tag = "Issues", params(IssuePath),
    responses((status = 200, description = "The issue.", body = IssueResponse,
        example = json!(issue_example()))),
)]
pub async fn show(State(state): State<SharedState>, Path(path): Path<IssuePath>) -> HandlerResult {
    let issue = find_issue(&state, &path.number).await?;
    json_response(StatusCode::OK, &IssueResponse::from(issue))
}

fn issue_example() -> serde_json::Value {
    json!({
        "number": 43, "slot": "2026-W48", "state": "sent_with_failures",
        "subject": "Three posts this week", "preheader": "A loader in fonts · Spam in Q3",
        "begun_at": 1_795_500_000_000_i64, "finished_at": 1_795_500_090_000_i64,
        "paused_why": null, "paused_by": null, "recipients": 1284, "delivered": 1280,
        "deferred": 2, "bounced": 1, "skipped": 0, "in_doubt": 1, "queued": 0,
    })
}

/// Result of an action on an issue.
#[derive(Serialize, ToSchema)]
#[schema(as = IssueChanged)]
struct ActionResponse {
    #[schema(minimum = 1)]
    issue: i64,
    #[schema(value_type = IssueStateSchema)]
    state: &'static str,
    /// With try-now and send-again: number of deliveries that are sent again; null otherwise.
    #[schema(required, value_type = Option<i64>)]
    copies: Option<u64>,
}

/// Declares the handler of one action on an issue, with its description.
macro_rules! action_handler {
    ($(#[$doc:meta])* $name:ident, $path:literal, $id:literal, $action:expr, $state:literal, $copies:expr) => {
        $(#[$doc])*
        #[utoipa::path(
            post, path = $path, operation_id = $id, tag = "Issues", params(IssuePath),
            responses(
                (status = 200, description = "The action was applied.", body = ActionResponse,
                    example = json!({ "issue": 43, "state": $state, "copies": $copies })),
                (status = 409, description = "The issue's state does not allow this action.",
                    body = ProblemBody, content_type = "application/problem+json",
                    example = json!(rejection($action, 43, "sent").into_body())),
            ),
        )]
        pub async fn $name(
            State(state): State<SharedState>,
            caller: ApiCaller,
            Path(path): Path<IssuePath>,
            _: NoBody,
        ) -> HandlerResult {
            apply(&state, &caller, &path.number, $action).await
        }
    };
}

action_handler! {
    /// Pauses an issue.
    ///
    /// Messages in transmission are completed; no further message is started.
    pause, "/issues/{number}/pause", "pauseIssue", IssueAction::Pause, "paused", None::<u64>
}
action_handler! {
    /// Resumes a paused issue.
    resume, "/issues/{number}/resume", "resumeIssue", IssueAction::Resume, "sending", None::<u64>
}
action_handler! {
    /// Cancels an issue.
    ///
    /// Cancels all deliveries not yet sent. Irreversible.
    cancel, "/issues/{number}/cancel", "cancelIssue", IssueAction::Cancel, "cancelled", None::<u64>
}
action_handler! {
    /// Retries deferred deliveries now.
    ///
    /// Makes all deferred deliveries of the issue due now.
    try_now, "/issues/{number}/try-now", "tryIssueNow", IssueAction::RetryNow, "sending", 2
}
action_handler! {
    /// Sends an issue again to failed recipients.
    ///
    /// Requeues bounced and in-doubt deliveries of active subscribers.
    send_again, "/issues/{number}/send-again", "sendIssueAgain", IssueAction::RequeueFailed, "sending", 2
}

async fn apply(
    state: &SharedState,
    caller: &ApiCaller,
    number: &str,
    action: IssueAction,
) -> HandlerResult {
    let issue = find_issue(state, number).await?;
    let changed = action
        .apply(
            &state.web.store,
            &issue.id,
            &caller.display_name(),
            state.now(),
        )
        .await?;
    if changed > 0 {
        state.live.changed(&issue.id);
        caller
            .audit(state, action.audit_action(), issue.number)
            .await;
    }
    let issue = find_issue(state, number).await?;
    if changed == 0 {
        let status = match issue.status() {
            IssueStatus::SentWithFailures => "sent",
            status => status.as_str(),
        };
        return Err(rejection(action, issue.number.get(), status));
    }
    let copies = match action {
        IssueAction::RetryNow | IssueAction::RequeueFailed => Some(changed),
        IssueAction::Pause | IssueAction::Resume | IssueAction::Cancel => None,
    };
    let response = ActionResponse {
        issue: issue.number.get(),
        state: issue.status().as_str(),
        copies,
    };
    json_response(StatusCode::OK, &response)
}

/// Explains why `action` changes nothing for an issue with this status.
fn rejection(action: IssueAction, number: i64, status: &str) -> Problem {
    let condition = match action {
        IssueAction::Pause => "Only an issue that is being sent can be paused.",
        IssueAction::Resume => "Only a paused issue can be resumed.",
        IssueAction::Cancel => "Only an issue that is being sent or paused can be cancelled.",
        IssueAction::RetryNow => "It has no deferred deliveries.",
        IssueAction::RequeueFailed => {
            "It has no bounced or in-doubt deliveries of active subscribers."
        }
    };
    Problem::conflict(format!("No. {number} is {status}. {condition}"))
}

/// Returns the issue of the path parameter `number`.
///
/// # Errors
/// Returns a problem with status 404 if no issue has this number, and 500 or 503 if the
/// database fails.
pub async fn find_issue(state: &SharedState, number: &str) -> Result<IssueRow, Problem> {
    let not_found = || Problem::not_found("No issue has this number.");
    let number = IssueNumber::parse(number).map_err(|_| not_found())?;
    let issue = state.web.store.issue(number).await?;
    issue.ok_or_else(not_found)
}
