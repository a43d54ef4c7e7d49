//! The link that lets someone set a password, once.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::clock::Timestamp;
use crate::domain::ids::AdminId;
use crate::domain::public_url::PublicUrl;
use crate::domain::random::Random;
use crate::store::{Store, StoreError};
use crate::web::auth::session;

const WORKS_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// A one-time link to the desk: for an account, or (`None`) to make the first one. It is
/// kept as a hash and cannot be shown again.
///
/// # Errors
/// When the database fails.
pub async fn one_time_link(
    store: &Store,
    public_url: &PublicUrl,
    admin: Option<&AdminId>,
    (random, now): (&Random, Timestamp),
) -> Result<String, StoreError> {
    let token = URL_SAFE_NO_PAD.encode(random.bytes::<32>());
    let hash = session::hash(&token);
    store
        .add_admin_link(&hash, admin, now.plus(WORKS_FOR))
        .await?;
    Ok(public_url.join(&format!("admin/setup?token={token}")))
}
