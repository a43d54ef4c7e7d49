//! Data that every admin page shows around its content.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::web::admin::flash::FlashMessage;
use crate::web::pages::millis;

/// Around every page of the desk but the door.
#[derive(Clone, Debug, Serialize)]
pub struct AdminLayout {
    /// Posted as `csrf` by every form.
    pub csrf: String,
    /// Who is logged in, by address. Log out posts to `/admin/logout`.
    pub account: String,
    /// Whether what is for admins is shown.
    pub is_admin: bool,
    #[serde(serialize_with = "millis")]
    pub now: Timestamp,
    pub notice: Option<FlashMessage>,
    /// Tokens that were revoked with what it says.
    pub revoked: usize,
}
