//! `/admin/subscribers/export`: what the list shows, as a CSV file that is sent while it
//! is read.

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

pub async fn send(
    State(shared): State<SharedState>,
    editor: CurrentUser,
    Query(asked): Query<ListQuery>,
) -> Response {
    let export = shared.web.subscriptions.export(asked.filter());
    // Noted before anything of it leaves, whether it is read to its end or not.
    editor
        .audit(
            &shared,
            AuditAction::SubscribersExported,
            AuditTarget::Nothing,
        )
        .await;
    let pages = stream::try_unfold(export, |mut export| async move {
        let lines = export.next().await.map_err(|error| {
            tracing::error!(%error, "an export broke off");
            // The connection ends without its end, so that nobody takes it for the whole.
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
    (headers, Body::from_stream(pages)).into_response()
}
