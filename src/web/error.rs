//! Errors of a request. Each becomes a response with a bare status, which
//! [`error_pages`](crate::web::middleware::error_pages) turns into a page and the API into a
//! problem.

use std::any::Any;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::digest::DraftError;
use crate::store::StoreError;
use crate::web::auth::password::HashError;
use crate::web::render::PageError;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// 400: the request is incomplete or damaged.
    #[error("malformed request")]
    Mangled,
    /// 403: the form was sent from another site, or the account lacks permission.
    #[error("not allowed")]
    Forbidden,
    /// 404.
    #[error("not found")]
    NotFound,
    /// 408: the body did not arrive in time.
    #[error("request body timed out")]
    TooSlow,
    /// 413: the body is too large.
    #[error("request body too large")]
    TooLarge,
    /// 415: the body is not a form.
    #[error("request body is not a form")]
    NoForm,
    /// 422: a field is invalid and the page cannot show the error next to it.
    #[error("invalid field")]
    Unprocessable,
    /// 429.
    #[error("too many attempts")]
    TooMany,
    /// 503: the database is unavailable.
    #[error("database unavailable")]
    Away,
    /// 500, or 503 if the database is unavailable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// 500: a page template failed.
    #[error(transparent)]
    Page(#[from] PageError),
    /// 500, or 503 if the database is unavailable.
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
    /// Returns the status of the response.
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

    /// Returns the message for the log. Omits a corrupt value, because it may be an address.
    fn log_message(&self) -> String {
        match self {
            Self::Store(StoreError::Corrupt { what, .. })
            | Self::Draft(DraftError::Store(StoreError::Corrupt { what, .. })) => {
                format!("the database contains an invalid value: {what}")
            }
            error => with_sources(error),
        }
    }
}

impl IntoResponse for HttpError {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::error!(
                status = status.as_u16(),
                error = self.log_message(),
                "request failed"
            );
        }
        status.into_response()
    }
}

/// Logs that a handler panicked and returns 500.
pub fn panicked(_: Box<dyn Any + Send>) -> Response {
    tracing::error!("handler panicked");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// Formats an error with its sources, except those whose text is already contained.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    for source in std::iter::successors(error.source(), |source| source.source()) {
        let source = source.to_string();
        if !text.contains(&source) {
            text = format!("{text}: {source}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::extract::Request;
    use axum::routing::get;
    use tower::ServiceExt;
    use tower_http::catch_panic::CatchPanicLayer;

    use super::*;

    #[test]
    fn corrupt_value_is_not_logged() {
        let error = HttpError::from(StoreError::Corrupt {
            what: "address",
            value: "ada@example".to_owned(),
        });

        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(
            error.log_message(),
            "the database contains an invalid value: address"
        );
    }

    #[tokio::test]
    async fn panic_in_handler_returns_500() {
        let broken = get(async || {
            if true {
                panic!("on purpose")
            }
        });
        let router = Router::new()
            .route("/", broken)
            .layer(CatchPanicLayer::custom(panicked));

        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();

        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
