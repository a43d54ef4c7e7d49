//! Detects changes of the files that override templates.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::mail::templates::engine::BuiltIn;

/// Path, length and modification time of each file that overrides a template.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(Vec<(PathBuf, u64, Option<SystemTime>)>);

impl Fingerprint {
    /// Reads the metadata of the files in `dir`.
    pub fn read(dir: Option<&Path>) -> Self {
        let Some(dir) = dir else {
            return Self::default();
        };
        let paths = BuiltIn::iter().map(|name| dir.join(&*name));
        let files = paths.filter_map(|path| {
            let file = std::fs::metadata(&path).ok()?;
            Some((path, file.len(), file.modified().ok()))
        });
        Self(files.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_changed_and_removed_files_are_detected() {
        let dir = tempfile::tempdir().unwrap();
        let subject = dir.path().join("digest/subject.txt");
        std::fs::create_dir(dir.path().join("digest")).unwrap();
        let read = || Fingerprint::read(Some(dir.path()));
        let none = read();
        assert_eq!(none, read());
        std::fs::write(&subject, "one").unwrap();
        let one = read();
        assert_ne!(one, none);
        std::fs::write(&subject, "three").unwrap();
        assert_ne!(read(), one);
        std::fs::remove_file(&subject).unwrap();
        assert_eq!(read(), none);
        std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        assert_eq!(read(), none);
    }
}
