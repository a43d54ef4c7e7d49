//! Data of the API token page.

use serde::Serialize;

use crate::domain::api_token::Lifetime;
use crate::domain::clock::Timestamp;
use crate::web::admin::layout::AdminLayout;
use crate::web::render::{maybe_millis, millis, templates};

templates! {
    TokensPage => "admin/tokens.html",
}

/// One API token in the table.
#[derive(Clone, Debug, Serialize)]
pub struct TokenRow {
    /// The token's id.
    pub id: String,
    /// The token's name.
    pub name: String,
    /// `Scope::as_str` of each permission.
    pub scopes: Vec<&'static str>,
    /// `Validity::as_str`
    pub state: &'static str,
    /// When the token was created.
    #[serde(serialize_with = "millis")]
    pub created_at: Timestamp,
    /// Address of the account that created it; `None` for a command.
    pub created_by: Option<String>,
    /// When the token was last used.
    #[serde(serialize_with = "maybe_millis")]
    pub last_used_at: Option<Timestamp>,
    /// When the token expires; `None` for never.
    #[serde(serialize_with = "maybe_millis")]
    pub expires_at: Option<Timestamp>,
}

/// Form that posts `csrf`, `name`, each `scope` and `expires` to `/admin/settings/tokens`.
#[derive(Clone, Debug, Serialize)]
pub struct TokenForm {
    /// The name as it was typed.
    pub name: String,
    /// Whether the scope `read` is selected.
    pub read: bool,
    /// Whether the scope `subscribers` is selected.
    pub subscribers: bool,
    /// Whether the scope `issues` is selected.
    pub issues: bool,
    /// `30d`, `90d`, `365d` or `never`.
    pub expires: String,
    /// Error of the form.
    pub error: Option<String>,
    /// Id of the field with the error.
    pub error_field: &'static str,
}

impl Default for TokenForm {
    fn default() -> Self {
        Self {
            name: String::new(),
            read: true,
            subscribers: false,
            issues: false,
            expires: Lifetime::DEFAULT.to_owned(),
            error: None,
            error_field: "",
        }
    }
}

/// A token that was just created. The secret is shown only once.
#[derive(Clone, Serialize)]
pub struct CreatedToken {
    /// The token's name.
    pub name: String,
    /// The token itself.
    pub secret: String,
}

/// Prints no content: the secret grants access.
impl std::fmt::Debug for CreatedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CreatedToken(…)")
    }
}

/// Data of `GET /admin/settings/tokens`. Each token that is not revoked posts `csrf` and
/// `action` = `revoke` to `/admin/settings/tokens/{id}`.
#[derive(Clone, Debug, Serialize)]
pub struct TokensPage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// Tokens that are not revoked, then the last revoked ones.
    pub tokens: Vec<TokenRow>,
    /// Number of revoked tokens that are not shown.
    pub hidden_revoked: usize,
    /// The token that was just created.
    pub created: Option<CreatedToken>,
    /// The form for a new token.
    pub form: TokenForm,
}
