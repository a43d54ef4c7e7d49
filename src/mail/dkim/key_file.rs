//! The files that keys live in.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::mail::dkim::key::{KeyError, PrivateKey};

#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("dkim.keys: {} cannot be read: {error}", file.display())]
    Unreadable { file: PathBuf, error: io::Error },
    #[error("dkim.keys: {}: {error}", file.display())]
    Malformed { file: PathBuf, error: KeyError },
}

/// A key file that was read.
pub(super) struct KeyFile {
    pub key: PrivateKey,
    /// A reason to warn. (No reason to stop: secrets are mounted into containers like that.)
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

/// Writes `pem` to a new file for its owner alone to read.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] where there is a file: a key is never overwritten.
pub fn create(file: &Path, pem: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    file.write_all(pem.as_bytes())?;
    file.sync_all()
}
