//! The file of the secret key: made once, read at every start.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::domain::random::Random;
use crate::domain::signed_token::{KeyError, SecretKeys};

/// A key file that was read.
#[derive(Debug)]
pub struct KeyFile {
    pub keys: SecretKeys,
    /// Whether this call made it.
    pub made: bool,
    /// Whether others on this machine may read it: a reason to warn. (No reason to stop:
    /// secrets are mounted into containers like that.)
    pub readable_by_others: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    #[error("secrets.key_file: {} is missing, and this database belongs to the key that was in it; put it back from a backup", file.display())]
    Missing { file: PathBuf },
    #[error("secrets.key_file: {} cannot be {doing}: {error}", file.display())]
    Io {
        file: PathBuf,
        doing: &'static str,
        error: io::Error,
    },
    #[error("secrets.key_file: {}: {error}", file.display())]
    Malformed { file: PathBuf, error: KeyError },
}

/// Reads the key in `file`; if there is none and `may_create`, makes one, for its owner
/// alone to read. Processes that make it at the same moment end with the same key.
///
/// # Errors
/// When it is missing and may not be made, cannot be read or written, or holds no key.
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
    let made = match fs::exists(file).map_err(failed("read"))? {
        true => false,
        false if may_create => create(file, random).map_err(failed("made"))?,
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
        made,
        readable_by_others: mode & 0o077 != 0,
    })
}

/// Writes a new key beside `file` and links it into place whole, or not at all when
/// another process was faster. Whether it was this one's.
fn create(file: &Path, random: &Random) -> io::Result<bool> {
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", hex::encode(random.bytes::<8>())));
    let fresh = folder.join(name);
    let linked = write(&fresh, &SecretKeys::generate(random).to_file_text())
        .and_then(|()| fs::hard_link(&fresh, file));
    let _ = fs::remove_file(&fresh);
    match linked {
        Ok(()) => File::open(folder)?.sync_all().map(|()| true),
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
    fn made_once_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("data/secret.key");
        let first = load_or_create(&file, &Random::seeded(1), true).unwrap();
        let again = load_or_create(&file, &Random::seeded(2), true).unwrap();
        assert!(first.made && !again.made);
        assert!(!first.readable_by_others);
        assert_eq!(first.keys.fingerprint(), again.keys.fingerprint());
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::read_dir(file.parent().unwrap()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }

    #[test]
    fn first_starts_at_once_end_with_one_key() {
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
        assert_eq!(loaded.iter().filter(|key| key.made).count(), 1);
        assert!(
            loaded
                .iter()
                .all(|key| key.keys.fingerprint() == loaded[0].keys.fingerprint())
        );
    }

    #[test]
    fn says_what_is_wrong() {
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
        let below_a_file = file.join("secret.key");
        assert!(matches!(
            load_or_create(&below_a_file, &random, true),
            Err(KeyFileError::Io { .. })
        ));
    }

    #[test]
    fn tells_when_others_may_read_it() {
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
