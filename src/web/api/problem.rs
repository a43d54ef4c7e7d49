//! What is wrong, for programs and for who reads their logs: problem details (RFC 9457).

use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::digest::{DraftError, PublishError};
use crate::store::StoreError;
use crate::web::error::HttpError;

const KIND: HeaderValue = HeaderValue::from_static("application/problem+json");

/// An answer that is no success.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    /// One or two sentences: what is wrong, and what to do.
    detail: String,
    /// Further members.
    more: serde_json::Map<String, Value>,
    headers: Box<HeaderMap>,
}

impl Problem {
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            more: serde_json::Map::new(),
            headers: Box::default(),
        }
    }

    pub fn not_found(detail: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 422: one field cannot be right.
    pub fn field(field: &str, says: impl ToString) -> Self {
        Self::fields(&[(field.to_owned(), says.to_string())])
    }

    /// 422: each field with what is wrong with it.
    pub fn fields(faults: &[(String, String)]) -> Self {
        let says = |(field, says): &(String, String)| format!("{field}: {says}");
        let detail = faults.iter().map(says).collect::<Vec<_>>().join("; ");
        let error = |(field, says): &(String, String)| json!({ "field": field, "says": says });
        let errors: Vec<Value> = faults.iter().map(error).collect();
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail).with("errors", json!(errors))
    }

    /// With one more member.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.more.insert(name.to_owned(), value);
        self
    }

    /// With what a token would be asked for (RFC 6750 §3).
    pub fn with_challenge(mut self, challenge: &str) -> Self {
        if let Ok(challenge) = HeaderValue::try_from(challenge) {
            self.headers.insert(WWW_AUTHENTICATE, challenge);
        }
        self
    }

    pub fn with_retry_after(mut self, seconds: u64) -> Self {
        self.headers.insert(RETRY_AFTER, seconds.into());
        self
    }

    fn body(self) -> String {
        let mut body = self.more;
        body.insert("type".to_owned(), json!("about:blank"));
        let title = self.status.canonical_reason().unwrap_or_default();
        body.insert("title".to_owned(), json!(title));
        body.insert("status".to_owned(), json!(self.status.as_u16()));
        body.insert("detail".to_owned(), json!(self.detail));
        Value::Object(body).to_string()
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        let (status, mut headers) = (self.status, *std::mem::take(&mut self.headers));
        headers.insert(CONTENT_TYPE, KIND);
        (status, headers, self.body()).into_response()
    }
}

impl From<StatusCode> for Problem {
    fn from(status: StatusCode) -> Self {
        Self::new(status, words(status))
    }
}

impl From<HttpError> for Problem {
    fn from(error: HttpError) -> Self {
        // It is logged on its way out.
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
            PublishError::Conflict => {
                Self::conflict("Others made issues at the same moment. Send it again.")
            }
        }
    }
}

/// A layer: an error that is a bare status, or words of the framework's, becomes a problem.
pub async fn in_words(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    if !is_error || response.headers().get(CONTENT_TYPE) == Some(&KIND) {
        return response;
    }
    let mut problem = Problem::from(status);
    *problem.headers = response.headers().clone();
    problem.headers.remove(CONTENT_LENGTH);
    problem.into_response()
}

/// For those that say nothing of their own.
fn words(status: StatusCode) -> &'static str {
    match status {
        StatusCode::BAD_REQUEST => "The request cannot be read. Send it again, whole.",
        StatusCode::NOT_FOUND => {
            "There is nothing at this address. All that there is stands in /api/openapi.json."
        }
        StatusCode::METHOD_NOT_ALLOWED => {
            "This address does not take this method. The header Allow has those it takes."
        }
        StatusCode::REQUEST_TIMEOUT => "The body came too slowly. Send it again.",
        StatusCode::PAYLOAD_TOO_LARGE => "The body is too large. 64 KB are the most.",
        StatusCode::SERVICE_UNAVAILABLE => {
            "The database does not answer just now. Try again in a minute."
        }
        status if status.is_client_error() => {
            "This cannot be done as it was asked. What can stands in /api/openapi.json."
        }
        _ => "Something went wrong on this side. The server's log says what.",
    }
}
