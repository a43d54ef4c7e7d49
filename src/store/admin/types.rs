//! Accounts of the admin UI and their roles.

use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

use crate::domain::email_address::EmailAddress;
use crate::domain::ids::AdminId;
use crate::store::db::codec::text_column;

/// What an account may do in the admin UI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// All pages, including settings, accounts, API tokens and the audit log.
    Admin,
    /// All pages except those.
    Editor,
}

/// A text that is not a role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a valid role; expected admin or editor")]
pub struct RoleError(String);

impl Role {
    /// Returns the stored form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Editor => "editor",
        }
    }

    /// Parses the stored form.
    ///
    /// # Errors
    /// Returns [`RoleError`] if `text` is neither `admin` nor `editor`.
    pub fn parse(text: &str) -> Result<Self, RoleError> {
        match text {
            "admin" => Ok(Self::Admin),
            "editor" => Ok(Self::Editor),
            other => Err(RoleError(other.to_owned())),
        }
    }
}

text_column!(Role, "role", |role| role.as_str(), Role::parse);

/// An account of the admin UI.
#[derive(Clone, Debug)]
pub struct Admin {
    /// Stays the same for the life of the account.
    pub id: AdminId,
    /// The address that the account logs in with.
    pub address: EmailAddress,
    /// What the account may do.
    pub role: Role,
    /// Argon2id hash in PHC string format; `None` until the one-time link was used.
    pub password_hash: Option<String>,
}

impl FromRow<'_, AnyRow> for Admin {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            address: row.try_get("address")?,
            role: row.try_get("role")?,
            password_hash: row.try_get("password_hash")?,
        })
    }
}
