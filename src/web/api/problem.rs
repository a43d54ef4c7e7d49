//! Error responses of the API: problem details (RFC 9457).

use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::digest::{DraftError, PublishError};
use crate::store::StoreError;
use crate::web::error::HttpError;

/// Media type of problem details.
const CONTENT_TYPE_PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An error response: a body and headers.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    body: ProblemBody,
    headers: Box<HeaderMap>,
}

/// Problem details (RFC 9457).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// The status alone identifies the kind of problem.
    #[serde(rename = "type")]
    kind: &'static str,
    /// Name of the status.
    title: &'static str,
    /// The status of the response.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong and what to do, for a person.
    detail: String,
    /// With 422: each invalid field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    /// With 409 of `PATCH /next`: the current version of the draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    version: Option<i64>,
}

/// An invalid field.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FieldError {
    /// Name of the field, or `body` or `query`.
    field: String,
    /// What is wrong with it and what is expected.
    says: String,
}

impl Problem {
    /// Creates a problem. `detail` is one or two sentences: what is wrong and what to do.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            body: ProblemBody {
                kind: "about:blank",
                title: status.canonical_reason().unwrap_or_default(),
                status: status.as_u16(),
                detail: detail.into(),
                errors: Vec::new(),
                version: None,
            },
            headers: Box::default(),
        }
    }

    /// 400: the body is not JSON.
    pub fn invalid_json(error: &serde_json::Error) -> Self {
        let detail = format!("The body is not valid JSON: {error}.");
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404.
    pub fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 409: the state of the resource does not allow the action.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 422: one field is invalid.
    pub fn field(field: &str, message: impl ToString) -> Self {
        Self::fields(vec![(field.to_owned(), message.to_string())])
    }

    /// 422: each invalid field with what is wrong with it.
    pub fn fields(errors: Vec<(String, String)>) -> Self {
        let messages: Vec<String> = errors
            .iter()
            .map(|(field, message)| format!("{field}: {message}"))
            .collect();
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, messages.join("; "));
        problem.body.errors = errors
            .into_iter()
            .map(|(field, says)| FieldError { field, says })
            .collect();
        problem
    }

    /// Adds the current version of the draft.
    pub fn with_version(mut self, version: i64) -> Self {
        self.body.version = Some(version);
        self
    }

    /// Adds a `WWW-Authenticate` header (RFC 6750 §3).
    pub fn with_challenge(mut self, challenge: &str) -> Self {
        if let Ok(challenge) = HeaderValue::try_from(challenge) {
            self.headers.insert(WWW_AUTHENTICATE, challenge);
        }
        self
    }

    /// Adds a `Retry-After` header.
    pub fn with_retry_after(mut self, seconds: u64) -> Self {
        self.headers.insert(RETRY_AFTER, seconds.into());
        self
    }

    /// Returns the body, for examples in the API description.
    pub fn into_body(self) -> ProblemBody {
        self.body
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut headers = *self.headers;
        headers.insert(CONTENT_TYPE, CONTENT_TYPE_PROBLEM);
        let body = serde_json::to_vec(&self.body).unwrap_or_default();
        (self.status, headers, body).into_response()
    }
}

impl From<StatusCode> for Problem {
    fn from(status: StatusCode) -> Self {
        Self::new(status, default_detail(status))
    }
}

impl From<HttpError> for Problem {
    fn from(error: HttpError) -> Self {
        // Building the response logs a server error.
        error.into_response().status().into()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        HttpError::from(error).into()
    }
}

impl From<DraftError> for Problem {
    fn from(error: DraftError) -> Self {
        HttpError::from(error).into()
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Draft(error) => error.into(),
            PublishError::Conflict => Self::conflict(
                "Other issues were created at the same time. Send the request again.",
            ),
        }
    }
}

/// Middleware that turns each error without a problem body, for example of the framework,
/// into a [`Problem`].
pub async fn error_problems(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.headers().get(CONTENT_TYPE) == Some(&CONTENT_TYPE_PROBLEM) {
        return response;
    }
    let mut problem = Problem::from(status);
    *problem.headers = response.headers().clone();
    problem.headers.remove(CONTENT_LENGTH);
    problem.into_response()
}

/// Returns the detail for a status without a more specific one.
fn default_detail(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "The request could not be read. Send it again.",
        StatusCode::NOT_FOUND => "Not found. /api/openapi.json describes all paths.",
        StatusCode::METHOD_NOT_ALLOWED => {
            "Method not allowed. The 'Allow' header lists the allowed methods."
        }
        StatusCode::REQUEST_TIMEOUT => "The body took too long to arrive. Send it again.",
        StatusCode::PAYLOAD_TOO_LARGE => "The body is too large. The maximum is 64 KB.",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            "Send the body as JSON with the header 'Content-Type: application/json'."
        }
        StatusCode::SERVICE_UNAVAILABLE => "The database is unavailable. Try again in a minute.",
        status if status.is_client_error() => {
            "The request is not supported. /api/openapi.json describes all requests."
        }
        _ => "Internal error. See the server's log for details.",
    }
}
