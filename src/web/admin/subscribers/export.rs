//! `/admin/subscribers/export`: the filtered list as a CSV file, streamed while it is read.

use std::io;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::web::admin::current_user::CurrentUser;
use crate::web::admin::subscribers::list_query::ListQuery;
use crate::web::state::SharedState;

/// `GET /admin/subscribers/export`
pub async fn download(
    State(shared): State<SharedState>,
    user: CurrentUser,
    Query(query): Query<ListQuery>,
) -> Response {
    let export = shared.web.subscriptions.export(query.filter());
    // Recorded before the first byte is sent, because the client may disconnect.
    let action = AuditAction::SubscribersExported;
    user.audit(&shared, action, AuditTarget::Nothing).await;
    let chunks = stream::try_unfold(export, |mut export| async move {
        let lines = export.next_chunk().await.map_err(|error| {
            tracing::error!(%error, "subscriber export failed");
            // Aborts the response, so that the client does not take the file for complete.
            io::Error::other(error)
        })?;
        Ok::<_, io::Error>(lines.map(|lines| (lines, export)))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"subscribers.csv\"",
        ),
    ];
    (headers, Body::from_stream(chunks)).into_response()
}
