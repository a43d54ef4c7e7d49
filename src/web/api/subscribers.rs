//! `/api/v1/subscribers`

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::{SubscriberId, SubscriberName, SubscriberState};
use crate::store::{
    Order, PageDirection, Search, SubscriberFilter, SubscriberRecord, SubscriberRow,
};
use crate::subscription::{BulkAction, Consent, ImportOptions, SignUpError, SignUpForm};
use crate::web::admin::subscribers::source::parse_source;
use crate::web::api::auth::ApiCaller;
use crate::web::api::enum_schemas::SubscriberStateSchema;
use crate::web::api::extract::{ApiJson, ApiQuery, NoBody, parse_page_size};
use crate::web::api::problem::{Problem, ProblemBody};
use crate::web::api::response::{HandlerResult, json_response};
use crate::web::pagination::split_page;
use crate::web::state::SharedState;

/// Maximum length of a search, in characters: the maximum length of an address
/// (RFC 5321 §4.5.3.1.3).
const MAX_SEARCH_CHARS: usize = 254;
/// Source of a subscriber if the request names none.
const DEFAULT_SOURCE: &str = "api";
/// Seconds after which a client that reached a sign-up limit may continue.
const SIGNUP_RETRY_SECONDS: u64 = 600;

/// Path parameter.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct SubscriberPath {
    /// Subscriber ID.
    #[param(format = "uuid", example = "01986f4e-5c1a-7c3e-9d5b-0e6f2a4b8c1d")]
    id: String,
}

/// Query of [`list`].
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default, deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Filters by state.
    #[param(value_type = SubscriberStateSchema, required = false)]
    state: Option<String>,
    /// Start of an address, or of a domain: `@example.com`.
    #[param(max_length = 254)]
    search: String,
    /// `next` of the previous page.
    #[param(nullable = false, format = "uuid")]
    after: Option<String>,
    /// Number of rows of a page.
    #[param(value_type = i64, required = false, minimum = 1, maximum = 500, default = json!(50))]
    limit: Option<String>,
}

impl ListQuery {
    fn filter(&self) -> Result<SubscriberFilter, Problem> {
        let state = self.state.as_deref().map(SubscriberState::parse);
        let state = state.transpose();
        if self.search.chars().count() > MAX_SEARCH_CHARS {
            let message = format!("must have at most {MAX_SEARCH_CHARS} characters");
            return Err(Problem::field("search", message));
        }
        Ok(SubscriberFilter {
            state: state.map_err(|error| Problem::field("state", error))?,
            search: Search::parse(&self.search),
            order: Order::Newest,
        })
    }
}

/// A page of subscribers.
#[derive(Serialize, ToSchema)]
#[schema(as = SubscriberPage)]
struct PageResponse {
    subscribers: Vec<SubscriberResponse>,
    /// `after` of the next page, or null on the last page.
    #[schema(required)]
    next: Option<String>,
}

/// A subscriber in a list.
#[derive(Serialize, ToSchema)]
#[schema(as = Subscriber)]
struct SubscriberResponse {
    #[schema(format = "uuid")]
    id: String,
    address: String,
    #[schema(required)]
    name: Option<String>,
    #[schema(value_type = SubscriberStateSchema)]
    state: &'static str,
    /// When this state began, in Unix milliseconds.
    since: i64,
    /// Where the subscriber came from.
    source: String,
}

impl From<&SubscriberRow> for SubscriberResponse {
    fn from(row: &SubscriberRow) -> Self {
        Self {
            id: row.id.to_string(),
            address: row.address.clone(),
            name: row.name.clone(),
            state: row.state.as_str(),
            since: row.since.as_millis(),
            source: row.source.clone(),
        }
    }
}

/// A subscriber with the record of their consent.
#[derive(Serialize, ToSchema)]
#[schema(as = SubscriberRecord)]
struct RecordResponse {
    #[schema(format = "uuid")]
    id: String,
    address: String,
    #[schema(required)]
    name: Option<String>,
    #[schema(value_type = SubscriberStateSchema)]
    state: &'static str,
    /// When this state began, in Unix milliseconds.
    since: i64,
    /// Where the subscriber came from.
    source: String,
    /// Unix milliseconds.
    created_at: i64,
    /// End of a pause, during which no issue is sent, in Unix milliseconds; null if not paused.
    #[schema(required)]
    paused_until: Option<i64>,
    /// SMTP reply that caused the suppression; null if not suppressed.
    #[schema(required)]
    suppressed_why: Option<String>,
    #[schema(inline)]
    consent: ConsentResponse,
}

/// Evidence of consent.
#[derive(Serialize, ToSchema)]
struct ConsentResponse {
    /// When the sign-up was requested, in Unix milliseconds.
    #[schema(required)]
    asked_at: Option<i64>,
    /// IP address of the request.
    #[schema(required)]
    asked_ip: Option<String>,
    /// Identifies the wording of the sign-up form; null if another form was used.
    #[schema(required)]
    form_version: Option<String>,
    /// When the address was confirmed, in Unix milliseconds.
    #[schema(required)]
    confirmed_at: Option<i64>,
    /// IP address of the confirmation.
    #[schema(required)]
    confirmed_ip: Option<String>,
}

impl From<SubscriberRecord> for RecordResponse {
    fn from(record: SubscriberRecord) -> Self {
        let millis = |at: Option<Timestamp>| at.map(Timestamp::as_millis);
        Self {
            id: record.id.to_string(),
            address: record.address,
            name: record.name,
            state: record.state.as_str(),
            since: record.since.as_millis(),
            source: record.source,
            created_at: record.created_at.as_millis(),
            paused_until: millis(record.paused_until),
            suppressed_why: record.suppression_reason,
            consent: ConsentResponse {
                asked_at: millis(record.asked_at),
                asked_ip: record.asked_ip,
                form_version: record.form_version,
                confirmed_at: millis(record.confirmed_at),
                confirmed_ip: record.confirmed_ip,
            },
        }
    }
}

/// Lists subscribers.
///
/// Newest first; with `search`, ordered by address.
#[utoipa::path(
    get, path = "/subscribers", operation_id = "listSubscribers", tag = "Subscribers",
    params(ListQuery),
    responses(
        (status = 200, description = "A page of subscribers.", body = PageResponse, example = json!({
            "subscribers": [{
                "id": "01986f4e-5c1a-7c3e-9d5b-0e6f2a4b8c1d", "address": "ada@example.com",
                "name": "Ada", "state": "confirmed", "since": 1_795_500_000_000_i64,
                "source": "the shop",
            }],
            "next": null,
        })),
        (status = 409, description = "With `search`: the subscriber at `after` no longer exists.",
            body = ProblemBody, content_type = "application/problem+json",
            example = json!(cursor_expired().into_body())),
    ),
)]
pub async fn list(
    State(state): State<SharedState>,
    ApiQuery(query): ApiQuery<ListQuery>,
) -> HandlerResult {
    let store = &state.web.store;
    let (filter, size) = (query.filter()?, parse_page_size(query.limit.as_deref())?);
    let cursor = match &query.after {
        None => None,
        Some(after) => {
            let id = SubscriberId::parse(after);
            let id = id.map_err(|error| Problem::field("after", error))?;
            let cursor = store.cursor_for(&id, &filter).await?;
            Some(cursor.ok_or_else(cursor_expired)?)
        }
    };
    let direction = cursor
        .as_ref()
        .map_or(PageDirection::First, PageDirection::After);
    let mut rows = store.subscribers(&filter, direction, size + 1).await?;
    let next = split_page(&mut rows, size).map(|row| row.id.to_string());
    let subscribers = rows.iter().map(SubscriberResponse::from).collect();
    json_response(StatusCode::OK, &PageResponse { subscribers, next })
}

fn cursor_expired() -> Problem {
    Problem::conflict("The subscriber at 'after' no longer exists. Start again without 'after'.")
}

/// Returns a subscriber.
///
/// Contains the record of their consent.
#[utoipa::path(
    get, path = "/subscribers/{id}", operation_id = "getSubscriber", tag = "Subscribers",
    params(SubscriberPath),
    responses((status = 200, description = "The subscriber.", body = RecordResponse, example = json!({
        "id": "01986f4e-5c1a-7c3e-9d5b-0e6f2a4b8c1d", "address": "ada@example.com",
        "name": "Ada", "state": "confirmed", "since": 1_795_500_000_000_i64,
        "source": "the shop", "created_at": 1_795_400_000_000_i64, "paused_until": null,
        "suppressed_why": null,
        "consent": {
            "asked_at": 1_795_400_000_000_i64, "asked_ip": "192.0.2.7",
            "form_version": "5f1c0a9e77b2",
            "confirmed_at": 1_795_500_000_000_i64, "confirmed_ip": "192.0.2.7",
        },
    }))),
)]
pub async fn show(
    State(state): State<SharedState>,
    Path(path): Path<SubscriberPath>,
) -> HandlerResult {
    let id = parse_id(&path.id)?;
    let record = state.web.store.subscriber_record(&id).await?;
    let record = record.ok_or_else(subscriber_not_found)?;
    json_response(StatusCode::OK, &RecordResponse::from(record))
}

/// Body of [`add`].
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSubscriber {
    /// An address like `name@example.com`.
    #[schema(format = "email", max_length = 254)]
    email: String,
    /// Single line, no control characters.
    #[schema(max_length = 100, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    name: Option<String>,
    /// Where the subscriber came from or gave consent. Single line. Required with `confirmed`.
    #[schema(
        max_length = 200,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u001f\u007f-\u009f]*$"
    )]
    source: Option<String>,
    /// The subscriber confirmed elsewhere, and no confirmation mail is sent. Unsubscribed and
    /// erased addresses are not added again.
    #[serde(default)]
    #[schema(default = false)]
    confirmed: bool,
}

/// A valid [`NewSubscriber`].
struct Candidate {
    address: EmailAddress,
    name: Option<SubscriberName>,
    source: Option<String>,
}

impl NewSubscriber {
    fn parse(self) -> Result<Candidate, Problem> {
        let form = SignUpForm {
            email: self.email,
            name: self.name.unwrap_or_default(),
        };
        let (address, name) = form.parse().map_err(|error| match error {
            SignUpError::Address(error) => Problem::field("email", error),
            SignUpError::Name(error) => Problem::field("name", error),
        })?;
        let source = self.source.as_deref().map(parse_source).transpose();
        Ok(Candidate {
            address,
            name,
            source: source.map_err(|error| Problem::field("source", error))?,
        })
    }
}

/// Result of a sign-up. The same for new and known addresses.
#[derive(Serialize, ToSchema)]
#[schema(as = Accepted)]
struct AcceptedResponse {
    /// Always true.
    accepted: bool,
}

/// Result of adding a confirmed subscriber.
#[derive(Serialize, ToSchema)]
#[schema(as = TakenIn)]
struct AddedResponse {
    #[schema(schema_with = crate::web::api::enum_schemas::added_results)]
    result: &'static str,
    #[schema(format = "uuid")]
    id: String,
}

/// Adds a subscriber.
///
/// Without `confirmed`, a confirmation mail is sent as after the public form, at most one in
/// ten minutes and three a day per mailbox. The response does not reveal whether the address
/// is known. With `confirmed`, the subscriber is added as confirmed elsewhere; the response
/// then reveals whether the address is subscribed already (200) or was unsubscribed, erased or
/// suppressed (409), so that a token with `subscribers` can query this for any address without
/// `read`.
#[utoipa::path(
    post, path = "/subscribers", operation_id = "addSubscriber", tag = "Subscribers",
    request_body(content = NewSubscriber, examples(
        ("asked" = (summary = "Send a confirmation mail", value = json!({
            "email": "ada@example.com", "name": "Ada", "source": "the shop",
        }))),
        ("confirmed" = (summary = "Confirmed elsewhere", value = json!({
            "email": "grace@example.com", "confirmed": true,
            "source": "the shop's checkout, ticked",
        }))),
    )),
    responses(
        (status = 200, description = "With `confirmed`: the address is subscribed already.",
            body = AddedResponse,
            example = json!({ "result": "unchanged", "id": "01986f4e-5c1a-7c3e-9d5b-0e6f2a4b8c1d" })),
        (status = 201, description = "With `confirmed`: the subscriber was added.",
            body = AddedResponse,
            headers(("Location" = String, description = "URL of the subscriber.")),
            example = json!({ "result": "added", "id": "01986f4e-5c1a-7c3e-9d5b-0e6f2a4b8c1d" })),
        (status = 202, description = "A confirmation mail is sent if one is needed.",
            body = AcceptedResponse, example = json!({ "accepted": true })),
        (status = 409,
            description = "With `confirmed`: the address was unsubscribed, erased or suppressed.",
            body = ProblemBody, content_type = "application/problem+json",
            example = json!(kept_out().into_body())),
    ),
)]
pub async fn add(
    State(state): State<SharedState>,
    caller: ApiCaller,
    ApiJson(subscriber): ApiJson<NewSubscriber>,
) -> HandlerResult {
    let confirmed = subscriber.confirmed;
    let candidate = subscriber.parse()?;
    if confirmed {
        add_confirmed(&state, &caller, candidate).await
    } else {
        sign_up(&state, &caller, &candidate).await
    }
}

/// Signs up an address as the public form does. The subscriber's record contains source and
/// time; as for the form, the audit log has no entry.
async fn sign_up(state: &SharedState, caller: &ApiCaller, candidate: &Candidate) -> HandlerResult {
    let domain = candidate.address.domain();
    if state.caps.check_api_signup(&caller.id, domain).is_err() {
        let detail = "The hourly limit of sign-ups for this token, for this mail domain or in total is reached. Continue in 10 minutes.";
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail)
            .with_retry_after(SIGNUP_RETRY_SECONDS));
    }
    let source = candidate.source.clone();
    let consent = Consent {
        ip: None,
        form_version: None,
        source: source.unwrap_or_else(|| DEFAULT_SOURCE.to_owned()),
    };
    let (subscriptions, address) = (&state.web.subscriptions, &candidate.address);
    let name = candidate.name.as_ref();
    subscriptions.sign_up(address, name, &consent).await?;
    json_response(StatusCode::ACCEPTED, &AcceptedResponse { accepted: true })
}

async fn add_confirmed(
    state: &SharedState,
    caller: &ApiCaller,
    candidate: Candidate,
) -> HandlerResult {
    let source = candidate.source.ok_or_else(|| {
        Problem::field(
            "source",
            "required with 'confirmed': where consent was given",
        )
    })?;
    let options = ImportOptions {
        source,
        state: None,
        prefers_file_source: false,
    };
    let (web, address) = (&state.web, candidate.address);
    let added = web
        .subscriptions
        .import_subscriber(address.clone(), candidate.name, &options)
        .await?;
    let subscriber = web.store.subscriber_by_address(&address).await?;
    let Some(subscriber) = subscriber.filter(|_| added.kept_out == 0) else {
        return Err(kept_out());
    };
    let id = subscriber.id.to_string();
    if added.imported == 0 {
        let result = "unchanged";
        return json_response(StatusCode::OK, &AddedResponse { result, id });
    }
    caller
        .audit(state, AuditAction::SubscriberAdded, subscriber.id)
        .await;
    let location = web
        .door
        .public_url
        .join(&format!("api/v1/subscribers/{id}"));
    let result = "added";
    let mut response = json_response(StatusCode::CREATED, &AddedResponse { result, id })?;
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

fn kept_out() -> Problem {
    Problem::conflict(
        "The address was unsubscribed, erased or suppressed and is not added again. Its owner can sign up through the form.",
    )
}

/// Result of an unsubscribe.
#[derive(Serialize, ToSchema)]
#[schema(as = Unsubscribed)]
struct UnsubscribedResponse {
    #[schema(schema_with = crate::web::api::enum_schemas::unsubscribed_results)]
    result: &'static str,
}

/// Unsubscribes a subscriber.
///
/// Takes effect immediately: deliveries not yet started are skipped. `unchanged` means that
/// the subscriber receives no issues already.
#[utoipa::path(
    post, path = "/subscribers/{id}/unsubscribe", operation_id = "unsubscribe",
    tag = "Subscribers", params(SubscriberPath),
    responses((status = 200, description = "The subscriber is unsubscribed.",
        body = UnsubscribedResponse, example = json!({ "result": "unsubscribed" }))),
)]
pub async fn unsubscribe(
    State(state): State<SharedState>,
    caller: ApiCaller,
    Path(path): Path<SubscriberPath>,
    _: NoBody,
) -> HandlerResult {
    let (id, changed) = apply(&state, BulkAction::Unsubscribe, &path.id).await?;
    let result = if changed { "unsubscribed" } else { "unchanged" };
    if changed {
        caller
            .audit(&state, AuditAction::SubscriberUnsubscribed, id)
            .await;
    }
    json_response(StatusCode::OK, &UnsubscribedResponse { result })
}

/// Result of an erasure.
#[derive(Serialize, ToSchema)]
#[schema(as = Erased)]
struct ErasedResponse {
    /// Always `erased`.
    result: &'static str,
}

/// Erases a subscriber.
///
/// Deletes all personal data. Imports skip the address from then on. Irreversible.
#[utoipa::path(
    delete, path = "/subscribers/{id}", operation_id = "eraseSubscriber", tag = "Subscribers",
    params(SubscriberPath),
    responses((status = 200, description = "The subscriber was erased.",
        body = ErasedResponse, example = json!({ "result": "erased" }))),
)]
pub async fn erase(
    State(state): State<SharedState>,
    caller: ApiCaller,
    Path(path): Path<SubscriberPath>,
    _: NoBody,
) -> HandlerResult {
    let (id, changed) = apply(&state, BulkAction::Erase, &path.id).await?;
    if !changed {
        return Err(subscriber_not_found());
    }
    caller
        .audit(&state, AuditAction::SubscriberErased, id)
        .await;
    json_response(StatusCode::OK, &ErasedResponse { result: "erased" })
}

/// Applies `action` to an existing subscriber and returns whether that changed anything.
async fn apply(
    state: &SharedState,
    action: BulkAction,
    id: &str,
) -> Result<(SubscriberId, bool), Problem> {
    let (id, web) = (parse_id(id)?, &state.web);
    let subscribers = web.store.subscribers_by_id(&[id]).await?;
    if subscribers.is_empty() {
        return Err(subscriber_not_found());
    }
    let changed = web.subscriptions.apply(action, &subscribers).await?;
    Ok((id, changed > 0))
}

fn parse_id(id: &str) -> Result<SubscriberId, Problem> {
    SubscriberId::parse(id).map_err(|_| subscriber_not_found())
}

fn subscriber_not_found() -> Problem {
    Problem::not_found("No subscriber has this ID. They may have been erased.")
}
