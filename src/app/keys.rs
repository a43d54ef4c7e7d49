//! Opens the secret key and checks that it belongs to the database.

use std::path::Path;

use crate::app::error::AppError;
use crate::config;
use crate::domain::random::Random;
use crate::domain::signed_token::SecretKeys;
use crate::store::Store;

/// Opens the key in `file`; creates it if neither the file nor a key of the database
/// exists. With another key than the database's every link in sent mail would be invalid.
pub(super) async fn open_keys(
    store: &Store,
    file: &Path,
    random: &Random,
) -> Result<SecretKeys, AppError> {
    let stored = store.key_fingerprint().await?;
    let key_file = config::load_or_create(file, random, stored.is_none())?;
    if key_file.readable_by_others {
        tracing::warn!(
            "secrets.key_file: other users of this machine can read {}; restrict it with chmod 600",
            file.display()
        );
    }
    let keys = key_file.keys;
    let current = keys.fingerprint();
    let stored = store.claim_key_fingerprint(&current).await?;
    if stored != current {
        if !keys.has_fingerprint(&stored) {
            return Err(AppError::WrongKey(file.display().to_string()));
        }
        store.replace_key_fingerprint(&current).await?;
    }
    Ok(keys)
}
