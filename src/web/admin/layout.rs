//! Data that every admin page shows around its content.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::web::admin::flash::FlashMessage;
use crate::web::render::millis;

/// Data of `admin_layout.html`, around every page except the login pages.
#[derive(Clone, Debug, Serialize)]
pub struct AdminLayout {
    /// CSRF token of the session. Every form posts it as `csrf`.
    pub csrf: String,
    /// Address of the account that is logged in.
    pub account: String,
    /// Whether links to pages for admins are shown.
    pub is_admin: bool,
    /// Time at which the page was rendered.
    #[serde(serialize_with = "millis")]
    pub now: Timestamp,
    /// Result of the form that led to this page.
    pub message: Option<FlashMessage>,
    /// API tokens that were revoked with a role or account; part of `message`.
    pub revoked_tokens: usize,
}
