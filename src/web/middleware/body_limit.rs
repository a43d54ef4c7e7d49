//! What a request may bring: a form, in time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use crate::web::error::HttpError;

/// More than any form here.
const LARGEST: usize = 64 * 1024;
/// What is too large is read on to here and thrown away: who is cut off while sending
/// sees a broken connection instead of the answer.
const READ_OFF: usize = 4 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

/// A layer: reads the whole body before the handler is begun, so that a slow or endless
/// one costs nothing but its connection. 408 and 413 otherwise. Answers may take as long
/// as they like: an event stream does.
pub async fn whole_body(request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    match within(PATIENCE, body).await {
        Ok(bytes) => next.run(Request::from_parts(head, Body::from(bytes))).await,
        Err(error) => error.into_response(),
    }
}

async fn within(patience: Duration, body: Body) -> Result<Bytes, HttpError> {
    let read = tokio::time::timeout(patience, read(body)).await;
    read.unwrap_or(Err(HttpError::TooSlow))
}

async fn read(body: Body) -> Result<Bytes, HttpError> {
    let mut chunks = body.into_data_stream();
    let mut kept = Vec::new();
    let mut length = 0_usize;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| HttpError::Mangled)?;
        length = length.saturating_add(chunk.len());
        if length <= LARGEST {
            kept.extend_from_slice(&chunk);
        } else if length > READ_OFF {
            break;
        }
    }
    if length > LARGEST {
        Err(HttpError::TooLarge)
    } else {
        Ok(kept.into())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[tokio::test]
    async fn takes_what_a_form_holds_and_no_more() {
        assert_eq!(read(Body::from("a=b")).await.unwrap(), "a=b");
        assert!(read(Body::from(vec![b'x'; LARGEST])).await.is_ok());
        for size in [LARGEST + 1, READ_OFF + 1] {
            assert!(matches!(
                read(Body::from(vec![b'x'; size])).await,
                Err(HttpError::TooLarge)
            ));
        }
    }

    #[tokio::test]
    async fn a_body_that_stops_is_given_up() {
        let never = futures_util::stream::pending::<Result<String, Infallible>>();
        let given_up = within(Duration::from_millis(10), Body::from_stream(never)).await;
        assert!(matches!(given_up, Err(HttpError::TooSlow)));
    }

    #[tokio::test]
    async fn an_endless_body_ends() {
        let chunks = futures_util::stream::repeat_with(|| Ok::<_, Infallible>("x".repeat(4096)));
        assert!(matches!(
            read(Body::from_stream(chunks)).await,
            Err(HttpError::TooLarge)
        ));
    }
}
