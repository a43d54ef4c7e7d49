//! What can go wrong with a request. An error is a bare status on its way out;
//! [`in_the_sites_look`] gives it its page.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::digest::DraftError;
use crate::store::StoreError;
use crate::web::auth::password::HashError;
use crate::web::pages::PageError;
use crate::web::public::views::ErrorPage;
use crate::web::state::SharedState;

#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// 400: mangled on its way.
    #[error("the request is mangled")]
    Mangled,
    /// 403: a form from elsewhere, or one that is not this person's to send.
    #[error("not allowed")]
    Forbidden,
    /// 404.
    #[error("no such page")]
    NotFound,
    /// 408: the body did not arrive in time.
    #[error("the body came too slowly")]
    TooSlow,
    /// 413: the body is larger than any form.
    #[error("the body is too large")]
    TooLarge,
    /// 415: not a form as browsers send them.
    #[error("not a form")]
    NoForm,
    /// 422: a field that cannot be right, and no page to show it on.
    #[error("a field cannot be right")]
    Unprocessable,
    /// 429.
    #[error("too many tries")]
    TooMany,
    /// 503: the database does not answer.
    #[error("the database does not answer")]
    Away,
    /// 500; 503 when the database is away.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// 500.
    #[error(transparent)]
    Page(#[from] PageError),
    /// 500; 503 when the database is away.
    #[error(transparent)]
    Draft(#[from] DraftError),
}

impl From<HashError> for HttpError {
    fn from(error: HashError) -> Self {
        tracing::error!(%error, "cannot hash password; login is impossible");
        Self::Away
    }
}

impl HttpError {
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Mangled => StatusCode::BAD_REQUEST,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NoForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Self::Away => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(error) | Self::Draft(DraftError::Store(error))
                if error.is_unavailable() =>
            {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Store(_) | Self::Page(_) | Self::Draft(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// For the log. A damaged value may be an address: it is not told.
    fn in_words(&self) -> String {
        match self {
            Self::Store(StoreError::Corrupt { what, .. })
            | Self::Draft(DraftError::Store(StoreError::Corrupt { what, .. })) => {
                format!("the database holds a {what} that cannot be")
            }
            error => with_causes(error),
        }
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::error!(
                status = status.as_u16(),
                error = self.in_words(),
                "a request failed"
            );
        }
        status.into_response()
    }
}

/// A layer: errors that are a bare status, or words of the framework's, become pages.
pub async fn error_pages(
    State(state): State<SharedState>,
    request: Request,
    next: Next,
) -> Response {
    let at_desk = request.uri().path().starts_with("/admin");
    let response = next.run(request).await;
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || has_own_words(&response) {
        return response;
    }
    let (mut head, _) = response.into_parts();
    let Ok(page) = state.pages.text(&ErrorPage {
        status: status.as_u16(),
        at_desk,
    }) else {
        return status.into_response();
    };
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    head.headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    Response::from_parts(head, Body::from(page))
}

/// Extractors refuse in plain text.
fn has_own_words(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE);
    kind.is_some_and(|kind| !kind.as_bytes().starts_with(b"text/plain"))
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    let mut told = error.to_string();
    for cause in causes {
        let cause = cause.to_string();
        if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_address_stays_out_of_the_log() {
        let error = StoreError::Corrupt {
            what: "address",
            value: "ada@example".to_owned(),
        };
        let error = HttpError::from(error);
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(
            error.in_words(),
            "the database holds a address that cannot be"
        );
    }
}
