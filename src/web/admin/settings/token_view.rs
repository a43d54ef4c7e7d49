//! Keys for programs.

use serde::Serialize;

use crate::domain::api_token::Lifetime;
use crate::domain::clock::Timestamp;
use crate::web::admin::layout::AdminLayout;
use crate::web::pages::templates;
use crate::web::pages::{maybe_millis, millis};

templates! {
    Tokens => "admin/tokens.html",
}

#[derive(Clone, Debug, Serialize)]
pub struct TokenLine {
    pub id: String,
    pub name: String,
    /// `Scope::as_str`
    pub scopes: Vec<&'static str>,
    /// `Validity::as_str`
    pub state: &'static str,
    #[serde(serialize_with = "millis")]
    pub made_at: Timestamp,
    /// The account's address then; none: a command.
    pub made_by: Option<String>,
    #[serde(serialize_with = "maybe_millis")]
    pub last_used_at: Option<Timestamp>,
    #[serde(serialize_with = "maybe_millis")]
    pub expires_at: Option<Timestamp>,
}

/// Posts `csrf`, `name`, each `scope` and `expires` to `/admin/settings/tokens`.
#[derive(Clone, Debug, Serialize)]
pub struct TokenForm {
    pub name: String,
    pub read: bool,
    pub subscribers: bool,
    pub issues: bool,
    /// `30d`, `90d`, `365d` or `never`.
    pub expires: String,
    pub fault: Option<String>,
    /// The field that it is about.
    pub fault_at: &'static str,
}

impl Default for TokenForm {
    fn default() -> Self {
        Self {
            name: String::new(),
            read: true,
            subscribers: false,
            issues: false,
            expires: Lifetime::DEFAULT.to_owned(),
            fault: None,
            fault_at: "",
        }
    }
}

/// A token just made, shown this once.
#[derive(Clone, Serialize)]
pub struct MadeToken {
    pub name: String,
    pub secret: String,
}

impl std::fmt::Debug for MadeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MadeToken(…)")
    }
}

/// `GET /admin/settings/tokens`. Each that is not revoked posts `csrf` and `action` =
/// `revoke` to `/admin/settings/tokens/{id}`.
#[derive(Clone, Debug, Serialize)]
pub struct Tokens {
    pub desk: AdminLayout,
    /// Those that are not revoked, then the last ones that were.
    pub tokens: Vec<TokenLine>,
    /// Revoked ones that are not shown.
    pub left_out: usize,
    pub made: Option<MadeToken>,
    pub form: TokenForm,
}
