//! Whether the owner's files are still those that were read.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::mail::templates::BuiltIn;

/// Which of the templates a folder overrides, and each file's length and time of change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(Vec<(PathBuf, u64, Option<SystemTime>)>);

impl Fingerprint {
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
    fn a_new_a_changed_and_a_removed_file_are_seen() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("digest/subject.txt");
        std::fs::create_dir(dir.path().join("digest")).unwrap();
        let look = || Fingerprint::read(Some(dir.path()));
        let none = look();
        assert_eq!(none, look());
        std::fs::write(&own, "one").unwrap();
        let one = look();
        assert_ne!(one, none);
        std::fs::write(&own, "three").unwrap();
        assert_ne!(look(), one);
        std::fs::remove_file(&own).unwrap();
        assert_eq!(look(), none);
        std::fs::write(dir.path().join("notes.txt"), "mine").unwrap();
        assert_eq!(look(), none);
    }
}
