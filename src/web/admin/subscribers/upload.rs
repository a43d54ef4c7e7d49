//! Receives an uploaded list. It is written to disk while it arrives and never held in
//! memory.

use std::io;
use std::path::Path;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::Multipart;
use axum::extract::multipart::{Field, MultipartError};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use crate::subscription::pasted_to_csv;
use crate::web::error::HttpError;

/// Maximum size of a file: about four million addresses.
const MAX_FILE_BYTES: u64 = 100 * 1024 * 1024;
/// How many bytes of a larger file are read and discarded, so that the client receives the
/// error page instead of a connection reset.
const MAX_DISCARDED_BYTES: u64 = 10 * MAX_FILE_BYTES;
/// Maximum size of pasted addresses and of every other field.
const MAX_TEXT_BYTES: usize = 1024 * 1024;
/// Maximum size of pasted addresses that a rejected form shows again: about three thousand
/// addresses.
const MAX_REDISPLAYED_BYTES: usize = 64 * 1024;
/// Timeout for each chunk of the body.
const CHUNK_TIMEOUT: Duration = Duration::from_secs(30);

/// The fields of the form `/admin/subscribers/import`.
#[derive(Debug, Default)]
pub struct Upload {
    /// CSRF token of the session.
    pub csrf: String,
    /// How the subscribers gave consent.
    pub source: String,
    /// Whether each subscriber gets a confirmation email.
    pub pending: bool,
    /// Name of the file; `None` for pasted addresses.
    pub name: Option<String>,
    /// Size of the file or of the pasted addresses, in bytes.
    pub size: u64,
    /// Whether the file exceeds the limit. Then it is not complete on disk.
    pub is_too_large: bool,
    /// Whether the form contains a file and pasted addresses.
    pub has_file_and_text: bool,
    /// The pasted addresses, if a page can show them again.
    pub pasted: String,
}

/// Reads the form and writes its file to `path`.
///
/// `is_own_form` checks the CSRF token, which must be the first field, so that nothing is
/// written for other forms.
///
/// # Errors
/// Returns [`HttpError::Forbidden`] without a valid token, [`HttpError::TooLarge`],
/// [`HttpError::TooSlow`] or [`HttpError::Mangled`] for the body, and [`HttpError::Away`] if
/// the file cannot be written.
pub async fn receive_upload(
    mut form: Multipart,
    path: &Path,
    is_own_form: impl Fn(&str) -> bool,
) -> Result<Upload, HttpError> {
    let mut upload = Upload::default();
    while let Some(field) = with_timeout(form.next_field()).await? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "csrf" {
            upload.csrf = read_text(field).await?;
        } else if !is_own_form(&upload.csrf) {
            return Err(HttpError::Forbidden);
        } else {
            receive_field(&mut upload, &name, field, path).await?;
        }
    }
    if is_own_form(&upload.csrf) {
        Ok(upload)
    } else {
        Err(HttpError::Forbidden)
    }
}

async fn receive_field(
    upload: &mut Upload,
    name: &str,
    field: Field<'_>,
    path: &Path,
) -> Result<(), HttpError> {
    match name {
        "source" => upload.source = read_text(field).await?,
        "ask" => upload.pending = read_text(field).await? == "yes",
        "pasted" => {
            let pasted = read_text(field).await?;
            if pasted.trim().is_empty() {
                return Ok(());
            }
            upload.has_file_and_text = upload.size > 0;
            let rows =
                pasted_to_csv(&pasted).map_err(|error| write_failed(io::Error::other(error)))?;
            upload.size = rows.len() as u64;
            let mut file = create(path).await.map_err(write_failed)?;
            file.write_all(&rows).await.map_err(write_failed)?;
            file.flush().await.map_err(write_failed)?;
            if pasted.len() <= MAX_REDISPLAYED_BYTES {
                upload.pasted = pasted;
            }
        }
        "file" => {
            let called = field.file_name().unwrap_or_default().to_owned();
            if !called.is_empty() {
                upload.has_file_and_text = upload.size > 0;
                upload.name = Some(called.chars().take(100).collect());
                upload.size = write_file(field, path).await?;
                upload.is_too_large = upload.size > MAX_FILE_BYTES;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Writes the field to `path` and returns its size. Stops writing at [`MAX_FILE_BYTES`].
async fn write_file(mut field: Field<'_>, path: &Path) -> Result<u64, HttpError> {
    let mut file = create(path).await.map_err(write_failed)?;
    let mut length = 0;
    while let Some(chunk) = next_chunk(&mut field).await? {
        length += chunk.len() as u64;
        if length <= MAX_FILE_BYTES {
            file.write_all(&chunk).await.map_err(write_failed)?;
        } else if length > MAX_DISCARDED_BYTES {
            return Err(HttpError::TooLarge);
        }
    }
    file.flush().await.map_err(write_failed)?;
    Ok(length)
}

async fn read_text(mut field: Field<'_>) -> Result<String, HttpError> {
    let mut text = Vec::new();
    while let Some(chunk) = next_chunk(&mut field).await? {
        text.extend_from_slice(&chunk);
        if text.len() > MAX_TEXT_BYTES {
            return Err(HttpError::TooLarge);
        }
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

async fn next_chunk(field: &mut Field<'_>) -> Result<Option<Bytes>, HttpError> {
    with_timeout(field.chunk()).await
}

async fn with_timeout<T>(
    piece: impl Future<Output = Result<T, MultipartError>>,
) -> Result<T, HttpError> {
    match timeout(CHUNK_TIMEOUT, piece).await {
        Ok(piece) => piece.map_err(|_| HttpError::Mangled),
        Err(_) => Err(HttpError::TooSlow),
    }
}

/// Creates the file, readable only by this user, since it contains personal data.
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

fn write_failed(error: io::Error) -> HttpError {
    tracing::error!(%error, "cannot store uploaded file");
    HttpError::Away
}
