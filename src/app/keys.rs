//! The secret key belongs to its database: with another one every link would be dead.

use std::path::Path;

use crate::app::AppError;
use crate::config;
use crate::domain::random::Random;
use crate::domain::signed_token::SecretKeys;
use crate::store::Store;

/// The key in `file`, made if both it and the database are new.
pub(super) async fn open_keys(
    store: &Store,
    file: &Path,
    random: &Random,
) -> Result<SecretKeys, AppError> {
    let kept = store.key_fingerprint().await?;
    let key_file = config::load_or_create(file, random, kept.is_none())?;
    if key_file.readable_by_others {
        tracing::warn!(
            "secrets.key_file: others on this machine can read {}",
            file.display()
        );
    }
    let keys = key_file.keys;
    let current = keys.fingerprint();
    let kept = store.claim_key_fingerprint(&current).await?;
    if kept != current {
        if !keys.has_fingerprint(&kept) {
            return Err(AppError::WrongKey(file.display().to_string()));
        }
        store.replace_key_fingerprint(&current).await?;
    }
    Ok(keys)
}
