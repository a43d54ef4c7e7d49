//! Limits of the request body: size and time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use crate::web::error::HttpError;

/// Maximum size of a body, in bytes. Every form of the site is smaller.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// Bytes drained of a body that is too large, so that the client receives the 413 response
/// instead of a connection reset.
const MAX_DRAINED_BYTES: usize = 4 * 1024 * 1024;
/// Maximum time to receive a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Middleware that reads the whole body before the handler runs, so that a slow or endless
/// body occupies only its connection.
///
/// Responds with 408 or 413 if a limit is exceeded. The time of the response is not limited,
/// because event streams stay open.
pub async fn buffer_body(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    match read_within(BODY_TIMEOUT, body).await {
        Ok(bytes) => next.run(Request::from_parts(head, Body::from(bytes))).await,
        Err(error) => error.into_response(),
    }
}

async fn read_within(timeout: Duration, body: Body) -> Result<Bytes, HttpError> {
    let read = tokio::time::timeout(timeout, read(body)).await;
    read.unwrap_or(Err(HttpError::TooSlow))
}

async fn read(body: Body) -> Result<Bytes, HttpError> {
    let mut chunks = body.into_data_stream();
    let mut buffer = Vec::new();
    let mut length = 0_usize;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| HttpError::Mangled)?;
        length = length.saturating_add(chunk.len());
        if length <= MAX_BODY_BYTES {
            buffer.extend_from_slice(&chunk);
        } else if length > MAX_DRAINED_BYTES {
            break;
        }
    }
    if length > MAX_BODY_BYTES {
        Err(HttpError::TooLarge)
    } else {
        Ok(buffer.into())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[tokio::test]
    async fn read_body_over_limit_returns_too_large() {
        assert_eq!(read(Body::from("a=b")).await.unwrap(), "a=b");
        assert!(read(Body::from(vec![b'x'; MAX_BODY_BYTES])).await.is_ok());
        for size in [MAX_BODY_BYTES + 1, MAX_DRAINED_BYTES + 1] {
            assert!(matches!(
                read(Body::from(vec![b'x'; size])).await,
                Err(HttpError::TooLarge)
            ));
        }
    }

    #[tokio::test]
    async fn read_stalled_body_times_out() {
        let never = futures_util::stream::pending::<Result<String, Infallible>>();

        let result = read_within(Duration::from_millis(10), Body::from_stream(never)).await;

        assert!(matches!(result, Err(HttpError::TooSlow)));
    }

    #[tokio::test]
    async fn read_endless_body_returns_too_large() {
        let chunks = futures_util::stream::repeat_with(|| Ok::<_, Infallible>("x".repeat(4096)));

        let result = read(Body::from_stream(chunks)).await;

        assert!(matches!(result, Err(HttpError::TooLarge)));
    }
}
