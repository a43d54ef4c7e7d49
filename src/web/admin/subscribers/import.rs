//! `/admin/subscribers/import`: a file is looked through, what would happen is said, and
//! only then it is taken in.

use std::fs::File;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Multipart, Path, State};
use axum::http::HeaderMap;

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::clock::Timestamp;
use crate::subscription::{
    CsvError, CsvReport, ImportOptions, Progress, RefusedRow, SubscriptionService,
};
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::response::{HandlerResult, page, redirect, refused};
use crate::web::admin::subscribers::source::{LONGEST_SOURCE, parse_source};
use crate::web::admin::subscribers::tasks::lock;
use crate::web::admin::subscribers::upload::{self, TempUpload, Upload};
use crate::web::admin::subscribers::view::{ImportForm, ImportPage, RefusedLine};
use crate::web::auth::same_origin::is_cross_origin;
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// Refused rows that are shown.
const SHOWN: usize = 100;

/// How long a list that was looked through waits to be taken in.
const WAITS: Duration = Duration::from_secs(24 * 60 * 60);

/// A file of readers that was brought to the desk.
#[derive(Debug)]
pub struct Import {
    /// What the file was called; none for what was pasted.
    name: Option<String>,
    bytes: u64,
    brought_at: Timestamp,
    how: ImportOptions,
    file: TempUpload,
    stand: Mutex<Stand>,
}

/// How far it is.
#[derive(Clone, Debug, Default)]
struct Stand {
    stage: Stage,
    bytes_read: u64,
    report: CsvReport,
    refused: Vec<RefusedRow>,
    fault: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Checking,
    Checked,
    Importing,
    Imported,
    Failed,
}

impl Stage {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Checking => "checking",
            Self::Checked => "checked",
            Self::Importing => "importing",
            Self::Imported => "imported",
            Self::Failed => "failed",
        }
    }
}

/// Why a form is shown again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Fault {
    #[error("choose a file, or paste some addresses")]
    Nothing,
    #[error("choose a file or paste addresses, not both")]
    Both,
    #[error("the file is larger than 100 MB; split it and import the parts one after the other")]
    TooLarge,
    #[error("say in one line of at most 200 characters where they agreed")]
    Source,
}

impl Fault {
    /// The field it is about.
    const fn field(self) -> &'static str {
        match self {
            Self::Nothing | Self::Both | Self::TooLarge => "file",
            Self::Source => "source",
        }
    }
}

pub async fn form(State(shared): State<SharedState>, editor: CurrentUser) -> HandlerResult {
    page(&shared, &empty_form(&shared, &editor))
}

fn empty_form(shared: &SharedState, editor: &CurrentUser) -> ImportForm {
    ImportForm {
        desk: editor.desk(shared),
        source: String::new(),
        pending: false,
        pasted: String::new(),
        fault: None,
        fault_at: "",
    }
}

/// Keeps the file and begins to look through it.
pub async fn receive(
    State(shared): State<SharedState>,
    editor: CurrentUser,
    headers: HeaderMap,
    body: Multipart,
) -> HandlerResult {
    if is_cross_origin(&headers, &shared.web.door.public_url) {
        return Err(HttpError::Forbidden);
    }
    let id = shared.web.random.uuid_v7(shared.now()).to_string();
    let file = TempUpload::at(shared.web.list_work.folder.join(format!("{id}.csv")));
    let allowed = |csrf: &str| editor.sent(csrf, &shared);
    let upload = upload::receive(body, file.path(), allowed).await?;
    let how = match judge(&upload) {
        Ok(how) => how,
        Err(fault) => {
            let form = ImportForm {
                source: upload.source.chars().take(LONGEST_SOURCE).collect(),
                pending: upload.pending,
                pasted: upload.pasted,
                fault: Some(fault.to_string()),
                fault_at: fault.field(),
                ..empty_form(&shared, &editor)
            };
            return refused(&shared, &form);
        }
    };
    let import = Arc::new(Import {
        name: upload.name,
        bytes: upload.bytes,
        brought_at: shared.now(),
        how,
        file,
        stand: Mutex::default(),
    });
    shared
        .web
        .list_work
        .imports
        .keep(id.clone(), Arc::clone(&import));
    let subscriptions = shared.web.subscriptions.clone();
    tokio::spawn(async move { import.read(&subscriptions, Stage::Checked).await });
    Ok(redirect(
        &shared,
        &format!("/admin/subscribers/import/{id}"),
    ))
}

fn judge(upload: &Upload) -> Result<ImportOptions, Fault> {
    if upload.too_large {
        return Err(Fault::TooLarge);
    }
    if upload.both {
        return Err(Fault::Both);
    }
    if upload.bytes == 0 {
        return Err(Fault::Nothing);
    }
    Ok(ImportOptions {
        source: parse_source(&upload.source).map_err(|_| Fault::Source)?,
        pending: upload.pending,
    })
}

fn find(shared: &SharedState, id: &str) -> Result<Arc<Import>, HttpError> {
    let imports = &shared.web.list_work.imports;
    imports.get(id).ok_or(HttpError::NotFound)
}

pub async fn show(
    State(shared): State<SharedState>,
    editor: CurrentUser,
    Path(id): Path<String>,
) -> HandlerResult {
    let import = find(&shared, &id)?;
    page(&shared, &import.view(&shared, &editor, id))
}

/// Takes in what was looked through, or throws it away.
pub async fn act(
    State(shared): State<SharedState>,
    Path(id): Path<String>,
    posted: VerifiedForm,
) -> HandlerResult {
    let import = find(&shared, &id)?;
    match posted.fields.text("action") {
        "import" => {
            // Whoever clicks twice begins once.
            if import.begin() {
                let (editor, beside) = (posted.editor, Arc::clone(&shared));
                let did = AuditAction::ImportBegun;
                editor.audit(&shared, did, AuditTarget::Nothing).await;
                tokio::spawn(async move {
                    import
                        .read(&beside.web.subscriptions, Stage::Imported)
                        .await;
                    let taken_in = lock(&import.stand).report.tally.imported;
                    let object = AuditTarget::Subscribers(taken_in);
                    editor
                        .audit(&beside, AuditAction::SubscribersImported, object)
                        .await;
                });
            }
            Ok(redirect(
                &shared,
                &format!("/admin/subscribers/import/{id}"),
            ))
        }
        "discard" => {
            shared.web.list_work.imports.forget(&id);
            Ok(redirect(&shared, "/admin/subscribers/import"))
        }
        _ => Err(HttpError::Unprocessable),
    }
}

impl Import {
    /// Whether it was looked through a day ago, and nobody came back to take it in.
    pub fn is_abandoned(&self, now: Timestamp) -> bool {
        let waits = lock(&self.stand).stage == Stage::Checked;
        waits && now.since(self.brought_at) >= WAITS
    }

    fn begin(&self) -> bool {
        let mut stand = lock(&self.stand);
        if stand.stage != Stage::Checked {
            return false;
        }
        *stand = Stand {
            stage: Stage::Importing,
            ..Stand::default()
        };
        true
    }

    /// Reads the file through, on trial or for good, and ends in that stage.
    async fn read(&self, subscriptions: &SubscriptionService, end: Stage) {
        let progress = |progress: Progress| {
            let mut stand = lock(&self.stand);
            match progress {
                Progress::Read(bytes) => stand.bytes_read = bytes,
                Progress::Refused(row) => {
                    stand.report.refused += 1;
                    if stand.refused.len() < SHOWN {
                        stand.refused.push(row);
                    }
                }
            }
        };
        let read = match File::open(self.file.path()) {
            Ok(file) if end == Stage::Imported => {
                subscriptions.import_csv(file, &self.how, progress).await
            }
            Ok(file) => subscriptions.check_csv(file, &self.how, progress).await,
            Err(error) => Err(CsvError::Unreadable(error.into())),
        };
        if read.is_err() || end == Stage::Imported {
            self.file.remove();
        }
        let mut stand = lock(&self.stand);
        match read {
            Ok(report) => {
                stand.report = report;
                stand.stage = end;
            }
            Err(error) => {
                tracing::warn!(%error, "an import from the desk broke off");
                stand.fault = Some(error.to_string());
                stand.stage = Stage::Failed;
            }
        }
    }

    fn view(&self, shared: &SharedState, editor: &CurrentUser, id: String) -> ImportPage {
        let stand = lock(&self.stand).clone();
        let tally = stand.report.tally;
        // What was pasted got a line of headers before it.
        let before = u64::from(self.name.is_none());
        ImportPage {
            desk: editor.desk(shared),
            id,
            name: self.name.clone(),
            source: self.how.source.clone(),
            pending: self.how.pending,
            stage: stand.stage.as_str(),
            bytes: self.bytes,
            bytes_read: stand.bytes_read,
            new: tally.imported,
            known: tally.unchanged,
            kept_out: tally.kept_out,
            refused: stand.report.refused,
            rows: stand
                .refused
                .into_iter()
                .map(|refused| RefusedLine {
                    row: refused.row - before,
                    why: refused.error.to_string(),
                })
                .collect(),
            fault: stand.fault,
        }
    }
}
