//! The sign-up for scripts of other sites: `POST /subscribe` with `Accept: application/json`.
//!
//! Any origin may read the response: it contains nothing about the address, and no cookie is
//! needed or accepted.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::web::public::signup_form::SignupError;

/// Headers of each response, including errors: a script could not read them otherwise.
const CORS: [(HeaderName, HeaderValue); 3] = [
    (
        header::ACCESS_CONTROL_ALLOW_ORIGIN,
        HeaderValue::from_static("*"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::VARY, HeaderValue::from_static("Accept")),
];

/// The JSON response.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum SignupReply {
    /// A link is mailed; `next` is the page that says so.
    CheckInbox {
        /// URL of the page.
        next: String,
    },
    /// A person has to press a button on the page `next` first.
    OneMoreStep {
        /// URL of the page.
        next: String,
        /// The address that was probably meant.
        #[serde(skip_serializing_if = "Option::is_none")]
        did_you_mean: Option<String>,
        /// The top-level domain of the address, if there is no such domain.
        #[serde(skip_serializing_if = "Option::is_none")]
        unknown_ending: Option<String>,
    },
    /// A field is invalid, or the rate limit is exceeded.
    Rejected {
        /// What is wrong.
        error: SignupError,
    },
    /// The request is not a form.
    Malformed,
}

/// Returns whether the client asks for JSON rather than a page.
pub fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get_all(header::ACCEPT).iter();
    let mut types = accept
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(','))
        .map(|media| media.split(';').next().unwrap_or_default().trim());
    types
        .next()
        .is_some_and(|first| first.eq_ignore_ascii_case("application/json"))
}

impl SignupReply {
    /// Builds the response.
    pub fn into_response(self, status: StatusCode) -> Response {
        let content_type = HeaderValue::from_static("application/json");
        let body = serde_json::to_string(&self).expect("strings serialize to JSON");
        (status, CORS, [(header::CONTENT_TYPE, content_type)], body).into_response()
    }
}

/// `OPTIONS /subscribe`: lets a script send `Accept` and its kind of form.
pub async fn preflight() -> Response {
    let methods = HeaderValue::from_static("POST");
    let allowed = [
        (header::ACCESS_CONTROL_ALLOW_METHODS, methods),
        (
            header::ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static("accept, content-type"),
        ),
    ];
    (StatusCode::NO_CONTENT, CORS, allowed).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_wanted_if_it_is_asked_for_first() {
        for (accept, wanted) in [
            ("application/json", true),
            ("Application/JSON;q=0.9, */*", true),
            ("text/html,application/json", false),
            ("*/*", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(wants_json(&headers), wanted, "{accept}");
        }
    }
}
