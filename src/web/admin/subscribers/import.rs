//! `/admin/subscribers/import`: upload a list, check it, and import it after confirmation.

use std::sync::Arc;

use axum::extract::{Multipart, Path, State};
use axum::http::HeaderMap;

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::subscriber::SubscriberState;
use crate::subscription::{ImportOptions, RejectedRow};
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::response::{HandlerResult, redirect, render, render_invalid};
use crate::web::admin::subscribers::source::{MAX_SOURCE_CHARS, parse_source};
use crate::web::admin::subscribers::tasks::ImportTask;
use crate::web::admin::subscribers::temp_upload::TempUpload;
use crate::web::admin::subscribers::upload::{Upload, receive_upload};
use crate::web::admin::subscribers::view::{ImportFormPage, ImportPage, RejectedRowView};
use crate::web::auth::same_origin::is_cross_origin;
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// Why an upload is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum UploadError {
    #[error("choose a file, or paste some addresses")]
    Empty,
    #[error("choose a file or paste addresses, not both")]
    FileAndText,
    #[error("the file is larger than 100 MB; split it and import the parts one after the other")]
    TooLarge,
    #[error("describe how they gave consent in one line of at most 200 characters")]
    Source,
}

impl UploadError {
    /// Returns the id of the field with the error.
    const fn field(self) -> &'static str {
        match self {
            Self::Empty | Self::FileAndText | Self::TooLarge => "file",
            Self::Source => "source",
        }
    }
}

/// `GET /admin/subscribers/import`
pub async fn form(State(shared): State<SharedState>, user: CurrentUser) -> HandlerResult {
    render(&shared, &empty_form(&shared, &user))
}

fn empty_form(shared: &SharedState, user: &CurrentUser) -> ImportFormPage {
    ImportFormPage {
        layout: user.layout(shared),
        source: String::new(),
        pending: false,
        pasted: String::new(),
        error: None,
        error_field: "",
    }
}

/// `POST /admin/subscribers/import`: stores the file and starts to check it.
pub async fn receive(
    State(shared): State<SharedState>,
    user: CurrentUser,
    headers: HeaderMap,
    body: Multipart,
) -> HandlerResult {
    let web = &shared.web;
    if is_cross_origin(&headers, &web.door.public_url) {
        return Err(HttpError::Forbidden);
    }
    let id = web.random.uuid_v7(shared.now()).to_string();
    let file = TempUpload::new(web.list_work.upload_folder.join(format!("{id}.csv")));
    let is_own_form = |csrf: &str| user.is_own_form(csrf, &shared);
    let upload = receive_upload(body, file.path(), is_own_form).await?;
    let options = match validate(&upload) {
        Ok(options) => options,
        Err(error) => {
            let view = ImportFormPage {
                source: upload.source.chars().take(MAX_SOURCE_CHARS).collect(),
                pending: upload.pending,
                pasted: upload.pasted,
                error: Some(error.to_string()),
                error_field: error.field(),
                ..empty_form(&shared, &user)
            };
            return render_invalid(&shared, &view);
        }
    };
    let name_and_size = (upload.name, upload.size);
    let task = Arc::new(ImportTask::new(file, name_and_size, options, shared.now()));
    web.list_work.imports.insert(id.clone(), Arc::clone(&task));
    let subscriptions = web.subscriptions.clone();
    tokio::spawn(async move { task.check(&subscriptions).await });
    Ok(redirect(&shared, &task_path(&id)))
}

fn task_path(id: &str) -> String {
    format!("/admin/subscribers/import/{id}")
}

fn validate(upload: &Upload) -> Result<ImportOptions, UploadError> {
    if upload.is_too_large {
        return Err(UploadError::TooLarge);
    }
    if upload.has_file_and_text {
        return Err(UploadError::FileAndText);
    }
    if upload.size == 0 {
        return Err(UploadError::Empty);
    }
    Ok(ImportOptions {
        source: parse_source(&upload.source).map_err(|_| UploadError::Source)?,
        state: upload.pending.then_some(SubscriberState::Pending),
        prefers_file_source: false,
    })
}

fn find_task(shared: &SharedState, id: &str) -> Result<Arc<ImportTask>, HttpError> {
    let imports = &shared.web.list_work.imports;
    imports.get(id).ok_or(HttpError::NotFound)
}

/// `GET /admin/subscribers/import/{id}`
pub async fn show(
    State(shared): State<SharedState>,
    user: CurrentUser,
    Path(id): Path<String>,
) -> HandlerResult {
    let task = find_task(&shared, &id)?;
    render(&shared, &import_page(&shared, &user, id, &task))
}

/// `POST /admin/subscribers/import/{id}`: imports the checked file, or discards it.
pub async fn submit_action(
    State(shared): State<SharedState>,
    Path(id): Path<String>,
    form: VerifiedForm,
) -> HandlerResult {
    let task = find_task(&shared, &id)?;
    match form.fields.text("action") {
        "import" => {
            if task.try_start() {
                start_import(&shared, form.user, task).await;
            }
            Ok(redirect(&shared, &task_path(&id)))
        }
        "discard" => {
            shared.web.list_work.imports.remove(&id);
            Ok(redirect(&shared, "/admin/subscribers/import"))
        }
        _ => Err(HttpError::Unprocessable),
    }
}

async fn start_import(shared: &SharedState, user: CurrentUser, task: Arc<ImportTask>) {
    user.audit(shared, AuditAction::ImportBegun, AuditTarget::Nothing)
        .await;
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let imported = task.import(&shared.web.subscriptions).await;
        let target = AuditTarget::Subscribers(imported);
        user.audit(&shared, AuditAction::SubscribersImported, target)
            .await;
    });
}

fn import_page(
    shared: &SharedState,
    user: &CurrentUser,
    id: String,
    task: &ImportTask,
) -> ImportPage {
    let progress = task.progress();
    let counts = progress.report.tally;
    // The file of pasted addresses begins with a header row that was not pasted.
    let header_rows = u64::from(task.file_name.is_none());
    let rejected = |rejected: RejectedRow| RejectedRowView {
        row: rejected.row - header_rows,
        reason: rejected.error.to_string(),
    };
    ImportPage {
        layout: user.layout(shared),
        id,
        file_name: task.file_name.clone(),
        source: task.options.source.clone(),
        pending: task.options.state == Some(SubscriberState::Pending),
        stage: progress.stage.into(),
        bytes: task.bytes,
        bytes_read: progress.bytes_read,
        imported: counts.imported,
        existing: counts.unchanged,
        skipped: counts.kept_out,
        rejected: progress.report.rejected,
        rejected_rows: progress.rejected_rows.into_iter().map(rejected).collect(),
        error: progress.error,
    }
}
