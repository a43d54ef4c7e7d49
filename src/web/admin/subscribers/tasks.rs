//! Background tasks on the subscriber list: imports and bulk actions.
//!
//! Tasks run in this process. They survive a reload of the settings and end with the
//! process.

use std::fs::File;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use crate::domain::clock::Timestamp;
use crate::store::{PageDirection, StoreError, SubscriberFilter, SubscriberRow};
use crate::subscription::{
    BulkAction, ImportError, ImportOptions, ImportProgress as ImportEvent, ImportReport,
    RejectedRow, SubscriptionService,
};
use crate::web::admin::subscribers::task_registry::{TaskRegistry, lock};
use crate::web::admin::subscribers::temp_upload::TempUpload;

/// Subscribers per transaction of a bulk action.
const BULK_BATCH: usize = 500;

/// Rejected rows that an import stores.
const MAX_REJECTED_SHOWN: usize = 100;

/// How long a checked import waits for confirmation. After that its file is removed.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// All background tasks of the process.
#[derive(Debug)]
pub struct BackgroundTasks {
    /// Folder of uploaded files.
    pub upload_folder: PathBuf,
    /// Imports.
    pub imports: TaskRegistry<ImportTask>,
    /// Bulk actions on whole lists.
    pub bulk_tasks: TaskRegistry<BulkTask>,
}

impl BackgroundTasks {
    /// Creates empty registries. Uploaded files are stored in `upload_folder`.
    pub fn new(upload_folder: PathBuf) -> Self {
        Self {
            upload_folder,
            imports: TaskRegistry::default(),
            bulk_tasks: TaskRegistry::default(),
        }
    }

    /// Removes checked imports that were not confirmed in time, and their files.
    pub fn purge_abandoned(&self, now: Timestamp) {
        self.imports.retain(|import| !import.is_abandoned(now));
    }

    /// Removes the files of an earlier process, whose tasks have ended with it.
    pub fn remove_old_uploads(&self) {
        match std::fs::remove_dir_all(&self.upload_folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::warn!(%error, "cannot remove files of an earlier import");
            }
            _ => {}
        }
    }
}

/// A bulk action on all subscribers of a list.
#[derive(Debug)]
pub struct BulkTask {
    /// The action.
    pub action: BulkAction,
    /// Path of the list on which it was started.
    pub list_path: String,
    progress: Mutex<BulkProgress>,
}

/// How far a bulk action is.
#[derive(Clone, Copy, Debug, Default)]
pub struct BulkProgress {
    /// Subscribers that were read.
    pub processed: u64,
    /// Subscribers that were changed.
    pub applied: u64,
    /// Whether the task has ended successfully; `None` while it runs.
    pub succeeded: Option<bool>,
}

impl BulkTask {
    /// Creates a task that has not started.
    pub fn new(action: BulkAction, list_path: String) -> Self {
        Self {
            action,
            list_path,
            progress: Mutex::default(),
        }
    }

    /// Returns how far the task is.
    pub fn progress(&self) -> BulkProgress {
        *lock(&self.progress)
    }

    /// Applies the action to all subscribers that `filter` selects, and returns how many
    /// were changed, also after an error.
    pub async fn run(
        &self,
        subscriptions: &SubscriptionService,
        filter: SubscriberFilter,
        seen_at: Timestamp,
    ) -> u64 {
        let result = self.process(subscriptions, filter, seen_at).await;
        if let Err(error) = &result {
            tracing::error!(%error, action = self.action.as_str(), "bulk action failed");
        }
        let mut progress = lock(&self.progress);
        progress.succeeded = Some(result.is_ok());
        progress.applied
    }

    /// Processes the list in batches. Skips subscribers whose state has changed since
    /// `seen_at`, when the editor saw the list.
    async fn process(
        &self,
        subscriptions: &SubscriptionService,
        filter: SubscriberFilter,
        seen_at: Timestamp,
    ) -> Result<(), StoreError> {
        let store = &subscriptions.store;
        let mut rows = store
            .subscribers(&filter, PageDirection::First, BULK_BATCH)
            .await?;
        while let Some(cursor) = rows.last().map(|row| row.cursor.clone()) {
            let processed = rows.len() as u64;
            rows.retain(|row: &SubscriberRow| row.since <= seen_at);
            let applied = subscriptions.apply(self.action, &rows).await?;
            {
                let mut progress = lock(&self.progress);
                progress.processed += processed;
                progress.applied += applied;
            }
            rows = store
                .subscribers(&filter, PageDirection::After(&cursor), BULK_BATCH)
                .await?;
        }
        Ok(())
    }
}

/// An uploaded list: first checked, then, after confirmation, imported.
#[derive(Debug)]
pub struct ImportTask {
    /// Name of the file; `None` for pasted addresses.
    pub file_name: Option<String>,
    /// Size of the file.
    pub bytes: u64,
    /// When the file was uploaded.
    pub uploaded_at: Timestamp,
    /// How the subscribers are imported.
    pub options: ImportOptions,
    file: TempUpload,
    progress: Mutex<ImportProgress>,
}

/// How far an import is.
#[derive(Clone, Debug, Default)]
pub struct ImportProgress {
    /// The current stage.
    pub stage: ImportStage,
    /// Bytes that were read in this stage.
    pub bytes_read: u64,
    /// Counts of this stage.
    pub report: ImportReport,
    /// The first rejected rows.
    pub rejected_rows: Vec<RejectedRow>,
    /// Error because of which the import failed.
    pub error: Option<String>,
}

/// Stage of an import.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum ImportStage {
    /// The file is read without changing anything.
    #[default]
    Checking,
    /// The summary waits for confirmation.
    Checked,
    /// The file is being imported.
    Importing,
    /// The file was imported.
    Imported,
    /// The file cannot be read, or the database failed.
    Failed,
}

impl ImportTask {
    /// Creates a task in the stage [`ImportStage::Checking`].
    pub fn new(
        file: TempUpload,
        (file_name, bytes): (Option<String>, u64),
        options: ImportOptions,
        uploaded_at: Timestamp,
    ) -> Self {
        Self {
            file_name,
            bytes,
            uploaded_at,
            options,
            file,
            progress: Mutex::default(),
        }
    }

    /// Returns how far the task is.
    pub fn progress(&self) -> ImportProgress {
        lock(&self.progress).clone()
    }

    /// Returns whether the import was checked and not confirmed within
    /// [`CONFIRM_TIMEOUT`].
    pub fn is_abandoned(&self, now: Timestamp) -> bool {
        let is_checked = lock(&self.progress).stage == ImportStage::Checked;
        is_checked && now.since(self.uploaded_at) >= CONFIRM_TIMEOUT
    }

    /// Switches from [`ImportStage::Checked`] to [`ImportStage::Importing`]. Returns `false`
    /// in every other stage, so that a double click starts the import once.
    pub fn try_start(&self) -> bool {
        let mut progress = lock(&self.progress);
        if progress.stage != ImportStage::Checked {
            return false;
        }
        *progress = ImportProgress {
            stage: ImportStage::Importing,
            ..ImportProgress::default()
        };
        true
    }

    /// Checks the file without changing anything.
    pub async fn check(&self, subscriptions: &SubscriptionService) {
        let result = match File::open(self.file.path()) {
            Ok(file) => {
                let progress = |progress| self.record(progress);
                let check = subscriptions.dry_run_csv(file, &self.options, progress);
                check.await
            }
            Err(error) => Err(ImportError::Unreadable(error.into())),
        };
        if result.is_err() {
            self.file.remove();
        }
        self.finish(result, ImportStage::Checked);
    }

    /// Imports the file, removes it, and returns how many subscribers were imported.
    pub async fn import(&self, subscriptions: &SubscriptionService) -> u64 {
        let result = match File::open(self.file.path()) {
            Ok(file) => {
                let progress = |progress| self.record(progress);
                let import = subscriptions.import_csv(file, &self.options, progress);
                import.await
            }
            Err(error) => Err(ImportError::Unreadable(error.into())),
        };
        self.file.remove();
        self.finish(result, ImportStage::Imported);
        lock(&self.progress).report.tally.imported
    }

    fn record(&self, event: ImportEvent) {
        let mut progress = lock(&self.progress);
        match event {
            ImportEvent::Read(bytes) => progress.bytes_read = bytes,
            ImportEvent::Rejected(row) => {
                progress.report.rejected += 1;
                if progress.rejected_rows.len() < MAX_REJECTED_SHOWN {
                    progress.rejected_rows.push(row);
                }
            }
        }
    }

    fn finish(&self, result: Result<ImportReport, ImportError>, stage: ImportStage) {
        let mut progress = lock(&self.progress);
        match result {
            Ok(report) => {
                progress.report = report;
                progress.stage = stage;
            }
            Err(error) => {
                tracing::warn!(%error, "subscriber import failed");
                progress.error = Some(error.to_string());
                progress.stage = ImportStage::Failed;
            }
        }
    }
}
