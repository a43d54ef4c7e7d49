//! The file of the secret key: created once, read at every start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::domain::random::Random;
use crate::domain::signed_token::{KeyError, SecretKeys};

/// The content of a key file.
#[derive(Debug)]
pub struct KeyFile {
    /// The keys: the first signs, all verify.
    pub keys: SecretKeys,
    /// Whether this call created the file.
    pub is_created: bool,
    /// Whether other users of this machine may read the file. Only a reason to warn, because
    /// container platforms mount secrets this way.
    pub readable_by_others: bool,
}

/// The key file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file is missing, but the database was used with its key.
    #[error("secrets.key_file: {} is missing, but this database was used with its key; restore it from a backup", file.display())]
    Missing {
        /// The key file.
        file: PathBuf,
    },
    /// The file cannot be read or created.
    #[error("secrets.key_file: {} cannot be {doing}: {error}", file.display())]
    Io {
        /// The key file.
        file: PathBuf,
        /// What failed: `read` or `created`.
        doing: &'static str,
        /// Why.
        error: io::Error,
    },
    /// The file does not contain keys.
    #[error("secrets.key_file: {}: {error}", file.display())]
    Malformed {
        /// The key file.
        file: PathBuf,
        /// Why.
        error: KeyError,
    },
}

/// Reads the keys in `file`, and creates it with mode 0600 if it is missing and
/// `may_create` is set. Processes that start concurrently get the same key.
///
/// # Errors
/// [`KeyFileError::Missing`] if the file is missing and may not be created,
/// [`KeyFileError::Io`] if it cannot be read or written, and [`KeyFileError::Malformed`] if
/// it contains no valid key.
pub fn load_or_create(
    file: &Path,
    random: &Random,
    may_create: bool,
) -> Result<KeyFile, KeyFileError> {
    let failed = |doing| {
        move |error| KeyFileError::Io {
            file: file.to_owned(),
            doing,
            error,
        }
    };
    let is_created = match fs::exists(file).map_err(failed("read"))? {
        true => false,
        false if may_create => create(file, random).map_err(failed("created"))?,
        false => {
            return Err(KeyFileError::Missing {
                file: file.to_owned(),
            });
        }
    };
    let text = fs::read_to_string(file).map_err(failed("read"))?;
    let mode = fs::metadata(file)
        .map_err(failed("read"))?
        .permissions()
        .mode();
    let keys = SecretKeys::parse(&text).map_err(|error| KeyFileError::Malformed {
        file: file.to_owned(),
        error,
    })?;
    Ok(KeyFile {
        keys,
        is_created,
        readable_by_others: mode & 0o077 != 0,
    })
}

/// Creates `file` with a new key; returns false if another process created it first.
///
/// Writes a temporary file and hard-links it, so that other processes never see a partly
/// written key.
fn create(file: &Path, random: &Random) -> io::Result<bool> {
    let directory = match file.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    };
    fs::create_dir_all(directory)?;
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", hex::encode(random.bytes::<8>())));
    let temporary = directory.join(name);
    let linked = write(&temporary, &SecretKeys::generate(random).to_file_text())
        .and_then(|()| fs::hard_link(&temporary, file));
    let _ = fs::remove_file(&temporary);
    match linked {
        Ok(()) => File::open(directory)?.sync_all().map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && fs::exists(file)? => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn load_or_create_creates_once_with_mode_0600() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("data/secret.key");
        let first = load_or_create(&file, &Random::seeded(1), true).unwrap();
        let again = load_or_create(&file, &Random::seeded(2), true).unwrap();
        assert!(first.is_created && !again.is_created);
        assert!(!first.readable_by_others);
        assert_eq!(first.keys.fingerprint(), again.keys.fingerprint());
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::read_dir(file.parent().unwrap()).unwrap().count(),
            1,
            "no temporary file remains"
        );
    }

    #[test]
    fn concurrent_first_starts_get_one_key() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret.key");
        let start = std::sync::Barrier::new(8);
        let loaded: Vec<KeyFile> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|seed| {
                    let (file, start) = (&file, &start);
                    scope.spawn(move || {
                        start.wait();
                        load_or_create(file, &Random::seeded(seed), true).unwrap()
                    })
                })
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(loaded.iter().filter(|key| key.is_created).count(), 1);
        assert!(
            loaded
                .iter()
                .all(|key| key.keys.fingerprint() == loaded[0].keys.fingerprint())
        );
    }

    #[test]
    fn invalid_key_file_returns_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret.key");
        let random = Random::seeded(1);
        assert!(matches!(
            load_or_create(&file, &random, false),
            Err(KeyFileError::Missing { .. })
        ));
        assert!(!file.exists());
        fs::write(&file, "hunter2\n").unwrap();
        let error = load_or_create(&file, &random, true).unwrap_err();
        assert!(
            error
                .to_string()
                .ends_with("line 1 is not a key; expected 64 hexadecimal digits"),
            "{error}"
        );
        fs::write(&file, "").unwrap();
        assert!(matches!(
            load_or_create(&file, &random, true),
            Err(KeyFileError::Malformed {
                error: KeyError::Empty,
                ..
            })
        ));
        let file_below_file = file.join("secret.key");
        assert!(matches!(
            load_or_create(&file_below_file, &random, true),
            Err(KeyFileError::Io { .. })
        ));
    }

    #[test]
    fn readable_by_others_reflects_file_mode() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret.key");
        load_or_create(&file, &Random::seeded(1), true).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(
            load_or_create(&file, &Random::seeded(1), true)
                .unwrap()
                .readable_by_others
        );
    }
}
