//! The API description (OpenAPI 3.1), generated from the handlers and their types.
//!
//! Handlers declare what is theirs alone. [`document`] adds what is common to many: the
//! required scope, the error responses, and the links from a response to further operations.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::domain::api_token::Scope;
use crate::web::api::auth::AuthError;
use crate::web::api::problem::{Problem, ProblemBody};
use crate::web::api::{deliveries, draft, issues, subscribers};

/// The document without what [`document`] adds.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Broadsheet",
        version = "1",
        description = "Each request needs a token: `Authorization: Bearer bs_…`. An admin creates tokens in the admin UI under Settings, Tokens, or with `broadsheet admin token create NAME --scope read`. The scopes are `read` (every GET), `subscribers` (add, unsubscribe and erase subscribers) and `issues` (edit and send the next issue; pause, resume, cancel, retry and resend an issue). Scopes are independent: to write and read, a token needs both. Bodies are JSON of at most 64 KB; unknown names in a body or a query are rejected. All errors are `application/problem+json` (RFC 9457), including unknown paths (404) and methods (405). Times are Unix milliseconds. Responses may gain new keys.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    servers((url = "v1", description = "Relative to this document.")),
    tags((name = "Subscribers"), (name = "Issues"), (name = "Next issue")),
    paths(
        subscribers::list,
        subscribers::add,
        subscribers::show,
        subscribers::erase,
        subscribers::unsubscribe,
        issues::list,
        issues::show,
        deliveries::list,
        issues::pause,
        issues::resume,
        issues::cancel,
        issues::try_now,
        issues::send_again,
        draft::show,
        draft::edit,
        draft::send,
    ),
    components(schemas(ProblemBody)),
    modifiers(&TokenScheme)
)]
struct Handlers;

/// Adds the security scheme `token`.
struct TokenScheme;

impl Modify for TokenScheme {
    fn modify(&self, document: &mut Document) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("bs_ and 43 characters")
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// Operations that accept the `id` of a response: link name and operation.
const SUBSCRIBER_LINKS: [(&str, &str); 3] = [
    ("subscriber", "getSubscriber"),
    ("unsubscribe", "unsubscribe"),
    ("erase", "eraseSubscriber"),
];

/// Operations that accept the `issue` of a response: link name and operation.
const ISSUE_LINKS: [(&str, &str); 7] = [
    ("issue", "getIssue"),
    ("deliveries", "listDeliveries"),
    ("pause", "pauseIssue"),
    ("resume", "resumeIssue"),
    ("cancel", "cancelIssue"),
    ("tryNow", "tryIssueNow"),
    ("sendAgain", "sendIssueAgain"),
];

/// Properties with a constant value: schema, property and value.
fn constants() -> [(&'static str, &'static str, Value); 4] {
    [
        ("Accepted", "accepted", json!(true)),
        ("Delivery", "kind", json!("issue")),
        ("Erased", "result", json!("erased")),
        ("Problem", "type", json!("about:blank")),
    ]
}

/// Builds the document. `scopes` contains method, path and required scope of each operation.
pub fn document(scopes: impl Iterator<Item = (Method, &'static str, Scope)>) -> Value {
    let mut document = json!(Handlers::openapi());
    document["info"]["summary"] = json!("A weekly newsletter: subscribers, issues and deliveries.");
    for (status, description, example, header) in error_responses() {
        let schema = json!({ "$ref": "#/components/schemas/Problem" });
        let content = json!({ "schema": schema, "example": example.into_body() });
        let response = &mut document["components"]["responses"][component_name(status)];
        response["description"] = json!(description);
        response["content"]["application/problem+json"] = content;
        if let Some(header) = header {
            response["headers"] = header;
        }
    }
    for (method, path, scope) in scopes {
        let operation = &mut document["paths"][path][method.as_str().to_lowercase()];
        complete_operation(operation, &method, path, scope);
    }
    let added = &mut document["paths"]["/subscribers"]["post"]["responses"];
    for status in ["200", "201"] {
        added[status]["links"] = links("id", "/id", &SUBSCRIBER_LINKS);
    }
    added["201"]["headers"]["Location"]["schema"]["format"] = json!("uri");
    document["paths"]["/next/send"]["post"]["responses"]["200"]["links"] =
        links("number", "/issue", &ISSUE_LINKS);
    let schemas = &mut document["components"]["schemas"];
    for (schema, property, value) in constants() {
        schemas[schema]["properties"][property]["const"] = value;
    }
    let new_subscriber = &mut schemas["NewSubscriber"];
    new_subscriber["if"] = json!({
        "properties": { "confirmed": { "const": true } }, "required": ["confirmed"],
    });
    new_subscriber["then"] = json!({
        "properties": { "source": { "type": "string" } }, "required": ["source"],
    });
    document
}

/// Adds required scope and error responses to an operation.
fn complete_operation(operation: &mut Value, method: &Method, path: &str, scope: Scope) {
    let description = operation["description"].as_str().unwrap_or_default();
    let description = format!("{description}\n\nRequires the scope `{scope}`.");
    operation["description"] = json!(description.trim_start());
    operation["security"] = json!([{ "token": [scope.as_str()] }]);
    let is_read = method == Method::GET;
    let has_query = operation["parameters"]
        .as_array()
        .is_some_and(|all| all.iter().any(|parameter| parameter["in"] == "query"));
    let has_body = operation.get("requestBody").is_some();
    for (status, ..) in error_responses() {
        let can_occur = match status {
            StatusCode::NOT_FOUND => path.contains('{'),
            StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE => !is_read,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => has_body,
            StatusCode::UNPROCESSABLE_ENTITY => has_query || !is_read,
            _ => true,
        };
        if can_occur {
            let reference = format!("#/components/responses/{}", component_name(status));
            operation["responses"][status.as_str()] = json!({ "$ref": reference });
        }
    }
}

/// Returns the error responses that are common to operations: status, description, example
/// and headers.
fn error_responses() -> Vec<(StatusCode, &'static str, Problem, Option<Value>)> {
    let challenge = json!({
        "WWW-Authenticate": { "description": "RFC 6750.", "schema": { "type": "string" } },
    });
    let retry_after = json!({
        "Retry-After": {
            "description": "Seconds to wait before retrying.", "schema": { "type": "integer" },
        },
    });
    let invalid_json = serde_json::from_str::<Value>("").err();
    let invalid_json = invalid_json.map_or(StatusCode::BAD_REQUEST.into(), |error| {
        Problem::invalid_json(&error)
    });
    let invalid_limit = Problem::field("limit", "expected a number from 1 to 500");
    let plain = |status: StatusCode, description| (status, description, status.into(), None);
    vec![
        (
            StatusCode::BAD_REQUEST,
            "The request cannot be read, or its body is not valid JSON.",
            invalid_json,
            None,
        ),
        (
            StatusCode::UNAUTHORIZED,
            "The token is missing or not valid.",
            AuthError::Invalid.into(),
            Some(challenge.clone()),
        ),
        (
            StatusCode::FORBIDDEN,
            "The token lacks the required scope.",
            AuthError::MissingScope(Scope::Read).into(),
            Some(challenge),
        ),
        (
            StatusCode::NOT_FOUND,
            "Not found.",
            Problem::not_found("No issue has this number."),
            None,
        ),
        plain(
            StatusCode::REQUEST_TIMEOUT,
            "The body took too long to arrive.",
        ),
        plain(StatusCode::PAYLOAD_TOO_LARGE, "The body is too large."),
        plain(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "The `Content-Type` is not `application/json`.",
        ),
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            "Validation failed; `errors` lists each field.",
            invalid_limit,
            None,
        ),
        (
            StatusCode::TOO_MANY_REQUESTS,
            "Too many invalid tokens from this network; or, for a sign-up, the hourly limit for this token (1,000 by default), for one mail domain or in total is reached.",
            AuthError::RateLimited.into(),
            Some(retry_after),
        ),
        plain(StatusCode::INTERNAL_SERVER_ERROR, "Internal error."),
        plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "The database is unavailable.",
        ),
    ]
}

/// Returns the name of a common response: `NotFound`.
fn component_name(status: StatusCode) -> String {
    let reason = status.canonical_reason().unwrap_or_default();
    reason.replace(' ', "")
}

/// Builds links that pass the response's `pointer` as path parameter `parameter`.
fn links(parameter: &str, pointer: &str, operations: &[(&str, &str)]) -> Value {
    operations
        .iter()
        .map(|(name, operation)| {
            let value = format!("$response.body#{pointer}");
            let link = json!({ "operationId": operation, "parameters": { parameter: value } });
            ((*name).to_owned(), link)
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}
