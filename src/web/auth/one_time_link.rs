//! One-time links with which an account sets its password.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::clock::Timestamp;
use crate::domain::ids::AdminId;
use crate::domain::public_url::PublicUrl;
use crate::domain::random::Random;
use crate::store::{Store, StoreError};
use crate::web::auth::session::hash_token;

/// How long a link can be used. It grants access, so it expires after a day.
const LINK_LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);

/// Creates a one-time link for an account, or, with `None`, for the first admin account.
///
/// Only a hash of the token is stored, so the link cannot be shown again.
///
/// # Errors
/// Returns [`StoreError::Database`] if the link cannot be stored.
pub async fn create_one_time_link(
    store: &Store,
    public_url: &PublicUrl,
    admin: Option<&AdminId>,
    (random, now): (&Random, Timestamp),
) -> Result<String, StoreError> {
    let token = URL_SAFE_NO_PAD.encode(random.bytes::<32>());
    store
        .add_admin_link(&hash_token(&token), admin, now.plus(LINK_LIFETIME))
        .await?;
    Ok(public_url.join(&format!("admin/setup?token={token}")))
}
