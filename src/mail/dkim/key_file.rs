//! Key files.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::mail::dkim::key::{KeyError, PrivateKey};

/// Error for a key file; the message names the setting and the file.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file cannot be read.
    #[error("dkim.keys: {} cannot be read: {error}", file.display())]
    Unreadable {
        /// Path of the file.
        file: PathBuf,
        /// Cause.
        error: io::Error,
    },
    /// The file does not contain a usable key.
    #[error("dkim.keys: {}: {error}", file.display())]
    Malformed {
        /// Path of the file.
        file: PathBuf,
        /// Cause.
        error: KeyError,
    },
}

/// Contents of a key file.
pub(super) struct KeyFile {
    pub key: PrivateKey,
    /// Whether group or others may read the file. Only a warning, because container platforms
    /// mount secrets with such permissions.
    pub readable_by_others: bool,
}

pub(super) fn read(file: &Path) -> Result<KeyFile, KeyFileError> {
    let unreadable = |error| KeyFileError::Unreadable {
        file: file.to_owned(),
        error,
    };
    let pem = fs::read(file).map_err(unreadable)?;
    let mode = fs::metadata(file).map_err(unreadable)?.permissions().mode();
    let key = PrivateKey::from_pem(&pem).map_err(|error| KeyFileError::Malformed {
        file: file.to_owned(),
        error,
    })?;
    Ok(KeyFile {
        key,
        readable_by_others: mode & 0o077 != 0,
    })
}

/// Writes `pem` to a new file with mode 0600.
///
/// # Errors
/// Returns [`io::ErrorKind::AlreadyExists`] if the file exists, because a key is never
/// overwritten, and other I/O errors if it cannot be written.
pub fn create(file: &Path, pem: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    file.write_all(pem.as_bytes())?;
    file.sync_all()
}
