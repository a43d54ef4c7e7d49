//! Temporary file of an upload.

use std::io;
use std::path::{Path, PathBuf};

/// A file that is removed on drop.
#[derive(Debug)]
pub struct TempUpload(PathBuf);

impl TempUpload {
    /// Takes ownership of the file at `path`, which need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Removes the file. It contains addresses, so it is removed as soon as it has been read.
    pub fn remove(&self) {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(%error, "cannot remove uploaded file");
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
