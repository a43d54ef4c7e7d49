//! A file of readers on its way in: written to disk as it comes, never held in memory.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::subscription::pasted_to_csv;
use crate::web::error::HttpError;

/// The largest file: some four million addresses.
const LARGEST: u64 = 100 * 1024 * 1024;
/// What is larger is read on to here and thrown away, so that its sender sees the answer
/// and no broken connection.
const READ_OFF: u64 = 10 * LARGEST;
/// What is pasted, and every small field.
const LARGEST_TEXT: usize = 1024 * 1024;
/// What was pasted and is more than this is not shown again: some three thousand addresses.
const SHOWN_AGAIN: usize = 64 * 1024;
/// For each piece of the body.
const PATIENCE: Duration = Duration::from_secs(30);

/// The form of `/admin/subscribers/import`.
#[derive(Debug, Default)]
pub struct Upload {
    pub csrf: String,
    pub source: String,
    /// Whether each is to be asked for confirmation.
    pub pending: bool,
    /// What the file was called; none for what was pasted.
    pub name: Option<String>,
    pub bytes: u64,
    /// It was larger than it may be, and is not there.
    pub too_large: bool,
    /// A file and something pasted.
    pub both: bool,
    /// What was pasted, if a page can show it again.
    pub pasted: String,
}

/// Reads the form and keeps its file at `path`. `allowed` judges the form's token, which
/// comes before anything is written.
pub async fn receive(
    mut form: Multipart,
    path: &Path,
    allowed: impl Fn(&str) -> bool,
) -> Result<Upload, HttpError> {
    let mut upload = Upload::default();
    while let Some(field) = in_time(form.next_field()).await? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "csrf" {
            upload.csrf = text(field).await?;
        } else if !allowed(&upload.csrf) {
            return Err(HttpError::Forbidden);
        } else {
            take(&mut upload, &name, field, path).await?;
        }
    }
    if allowed(&upload.csrf) {
        Ok(upload)
    } else {
        Err(HttpError::Forbidden)
    }
}

async fn take(
    upload: &mut Upload,
    name: &str,
    field: Field<'_>,
    path: &Path,
) -> Result<(), HttpError> {
    match name {
        "source" => upload.source = text(field).await?,
        "ask" => upload.pending = text(field).await? == "yes",
        "pasted" => {
            let pasted = text(field).await?;
            if pasted.trim().is_empty() {
                return Ok(());
            }
            upload.both = upload.bytes > 0;
            let rows =
                pasted_to_csv(&pasted).map_err(|error| unwritable(io::Error::other(error)))?;
            upload.bytes = rows.len() as u64;
            let mut file = create(path).await.map_err(unwritable)?;
            file.write_all(&rows).await.map_err(unwritable)?;
            file.flush().await.map_err(unwritable)?;
            if pasted.len() <= SHOWN_AGAIN {
                upload.pasted = pasted;
            }
        }
        "file" => {
            let called = field.file_name().unwrap_or_default().to_owned();
            if !called.is_empty() {
                upload.both = upload.bytes > 0;
                upload.name = Some(called.chars().take(100).collect());
                upload.bytes = keep(field, path).await?;
                upload.too_large = upload.bytes > LARGEST;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Writes the field to `path` and gives its length; of what is too large nothing is kept.
async fn keep(mut field: Field<'_>, path: &Path) -> Result<u64, HttpError> {
    let mut file = create(path).await.map_err(unwritable)?;
    let mut length = 0;
    while let Some(chunk) = next_chunk(&mut field).await? {
        length += chunk.len() as u64;
        if length <= LARGEST {
            file.write_all(&chunk).await.map_err(unwritable)?;
        } else if length > READ_OFF {
            return Err(HttpError::TooLarge);
        }
    }
    file.flush().await.map_err(unwritable)?;
    Ok(length)
}

async fn text(mut field: Field<'_>) -> Result<String, HttpError> {
    let mut text = Vec::new();
    while let Some(chunk) = next_chunk(&mut field).await? {
        text.extend_from_slice(&chunk);
        if text.len() > LARGEST_TEXT {
            return Err(HttpError::TooLarge);
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

async fn next_chunk(field: &mut Field<'_>) -> Result<Option<Bytes>, HttpError> {
    in_time(field.chunk()).await
}

async fn in_time<T>(
    piece: impl Future<Output = Result<T, MultipartError>>,
) -> Result<T, HttpError> {
    match timeout(PATIENCE, piece).await {
        Ok(piece) => piece.map_err(|_| HttpError::Mangled),
        Err(_) => Err(HttpError::TooSlow),
    }
}

/// Readable by nobody else: it is a list of people.
async fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).await?;
    }
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(true);
    #[cfg(unix)]
    options.mode(0o600);
    options.open(path).await
}

fn unwritable(error: io::Error) -> HttpError {
    tracing::error!(%error, "an uploaded file cannot be kept");
    HttpError::Away
}

/// A file that is gone when this is dropped.
#[derive(Debug)]
pub struct TempUpload(PathBuf);

impl TempUpload {
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// There are addresses in it: it stays no longer than it is needed.
    pub fn remove(&self) {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "an uploaded file could not be removed");
            }
            _ => {}
        }
    }
}

impl Drop for TempUpload {
    fn drop(&mut self) {
        self.remove();
    }
}
