//! Who may use the desk: accounts, one-time links, sessions. Only hashes of secrets.

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::AdminId;
use crate::store::db::codec::text_column;
use crate::store::{Store, StoreError, decode};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Admin,
    Editor,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no role; expected admin or editor")]
pub struct RoleError(String);

impl Role {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Editor => "editor",
        }
    }

    pub fn parse(text: &str) -> Result<Self, RoleError> {
        match text {
            "admin" => Ok(Self::Admin),
            "editor" => Ok(Self::Editor),
            other => Err(RoleError(other.to_owned())),
        }
    }
}

text_column!(Role, "role", |role| role.as_str(), Role::parse);

#[derive(Clone, Debug)]
pub struct Admin {
    pub id: AdminId,
    pub address: EmailAddress,
    pub role: Role,
    /// Argon2id in PHC form; `None` until the one-time link was used.
    pub password_hash: Option<String>,
}

/// A session that holds, and whose it is.
#[derive(Clone, Debug)]
pub struct Session {
    pub admin: Admin,
}

const COUNT: &str =
    "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM admins WHERE password_hash IS NOT NULL";
const ADD: &str =
    "INSERT INTO admins (id, address, address_key, role, created_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (address_key) DO NOTHING";
const BY_KEY: &str = "SELECT id, address, role, password_hash FROM admins WHERE address_key = $1";
const BY_ID: &str = "SELECT id, address, role, password_hash FROM admins WHERE id = $1";
pub(crate) const SET_PASSWORD: &str = "UPDATE admins SET password_hash = $2 WHERE id = $1";
const ADD_LINK: &str =
    "INSERT INTO admin_links (token_hash, admin_id, expires_at) VALUES ($1, $2, $3)";
const DROP_SETUP_LINKS: &str = "DELETE FROM admin_links WHERE admin_id IS NULL";
const FIND_LINK: &str =
    "SELECT admin_id FROM admin_links WHERE token_hash = $1 AND expires_at > $2";
const USE_LINK: &str = "DELETE FROM admin_links WHERE token_hash = $1 AND expires_at > $2";
const USE_SETUP_LINK: &str =
    "DELETE FROM admin_links WHERE token_hash = $1 AND expires_at > $2 AND admin_id IS NULL";
const SET_PASSWORD_BY_KEY: &str = "UPDATE admins SET password_hash = $2 WHERE address_key = $1";
/// Links that were made before are good no longer.
pub(crate) const DROP_LINKS: &str = "DELETE FROM admin_links WHERE admin_id = $1";
const FORGET_LINKS: &str = "DELETE FROM admin_links WHERE expires_at <= $1";
const OPEN: &str =
    "INSERT INTO sessions (token_hash, admin_id, created_at, expires_at) VALUES ($1, $2, $3, $4)";
const SESSION: &str = "SELECT a.id, a.address, a.role, a.password_hash FROM sessions s
    JOIN admins a ON a.id = s.admin_id WHERE s.token_hash = $1 AND s.expires_at > $2";
const CLOSE: &str = "DELETE FROM sessions WHERE token_hash = $1";
pub(crate) const CLOSE_ALL: &str = "DELETE FROM sessions WHERE admin_id = $1";
const FORGET: &str = "DELETE FROM sessions WHERE expires_at <= $1";

impl Store {
    /// Whether anyone can log in yet.
    pub async fn has_admin(&self) -> Result<bool, StoreError> {
        let count: i64 = sqlx::query_scalar(COUNT).fetch_one(&self.pool).await?;
        Ok(count > 0)
    }

    /// False when there is an account of that address already.
    pub async fn add_admin(
        &self,
        id: &AdminId,
        address: &EmailAddress,
        role: Role,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let insert = sqlx::query(ADD)
            .bind(id.to_string())
            .bind(address.to_string())
            .bind(address.key())
            .bind(role.as_str().to_owned())
            .bind(now.as_millis());
        Ok(insert.execute(&self.pool).await?.rows_affected() > 0)
    }

    pub async fn admin_by_address(
        &self,
        address: &EmailAddress,
    ) -> Result<Option<Admin>, StoreError> {
        let row = sqlx::query(BY_KEY)
            .bind(address.key())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(admin).transpose()
    }

    pub async fn admin(&self, id: &AdminId) -> Result<Option<Admin>, StoreError> {
        let row = sqlx::query(BY_ID)
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(admin).transpose()
    }

    /// Keeps a one-time link: for an account, or (`None`) to make the first one. A new
    /// first-run link replaces the old ones.
    pub async fn add_admin_link(
        &self,
        token_hash: &str,
        admin: Option<&AdminId>,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        if admin.is_none() {
            sqlx::query(DROP_SETUP_LINKS).execute(&mut *tx).await?;
        }
        sqlx::query(ADD_LINK)
            .bind(token_hash.to_owned())
            .bind(admin.map(ToString::to_string))
            .bind(expires.as_millis())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Whom a link that holds is for: `Some(None)` is the first run's.
    pub async fn admin_link(
        &self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<Option<AdminId>>, StoreError> {
        let row = sqlx::query(FIND_LINK)
            .bind(token_hash.to_owned())
            .bind(now.as_millis())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let id: Option<String> = row.try_get("admin_id")?;
        Ok(Some(
            id.map(|id| decode("admin id", id, AdminId::parse))
                .transpose()?,
        ))
    }

    /// Uses a link up, sets the password, and ends every session of the account. False
    /// when someone was quicker.
    pub async fn set_password_with_link(
        &self,
        link_hash: &str,
        admin: &AdminId,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin_write().await?;
        let used = sqlx::query(USE_LINK)
            .bind(link_hash.to_owned())
            .bind(now.as_millis())
            .execute(&mut *tx)
            .await?;
        if used.rows_affected() == 0 {
            return Ok(false);
        }
        let update = sqlx::query(SET_PASSWORD)
            .bind(admin.to_string())
            .bind(password_hash.to_owned());
        update.execute(&mut *tx).await?;
        for statement in [CLOSE_ALL, DROP_LINKS] {
            sqlx::query(statement)
                .bind(admin.to_string())
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Uses the first run's link up and makes the first account, or gives it to the one of
    /// that address that was never logged in to. `None` when the link is gone, or someone
    /// can log in already.
    pub async fn create_first_admin(
        &self,
        link_hash: &str,
        (id, address): (&AdminId, &EmailAddress),
        password_hash: &str,
        now: Timestamp,
    ) -> Result<Option<AdminId>, StoreError> {
        let mut tx = self.begin_write().await?;
        let used = sqlx::query(USE_SETUP_LINK)
            .bind(link_hash.to_owned())
            .bind(now.as_millis())
            .execute(&mut *tx)
            .await?;
        let admins: i64 = sqlx::query_scalar(COUNT).fetch_one(&mut *tx).await?;
        if used.rows_affected() == 0 || admins > 0 {
            return Ok(None);
        }
        sqlx::query(ADD)
            .bind(id.to_string())
            .bind(address.to_string())
            .bind(address.key())
            .bind(Role::Admin)
            .bind(now.as_millis())
            .execute(&mut *tx)
            .await?;
        sqlx::query(SET_PASSWORD_BY_KEY)
            .bind(address.key())
            .bind(password_hash.to_owned())
            .execute(&mut *tx)
            .await?;
        let made = sqlx::query(BY_KEY)
            .bind(address.key())
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        admin(&made).map(|admin| Some(admin.id))
    }

    pub async fn open_session(
        &self,
        token_hash: &str,
        admin: &AdminId,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(OPEN)
            .bind(token_hash.to_owned())
            .bind(admin.to_string())
            .bind(now.as_millis())
            .bind(expires.as_millis())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub async fn session(
        &self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let query = sqlx::query(SESSION)
            .bind(token_hash.to_owned())
            .bind(now.as_millis());
        let row = query.fetch_optional(&self.pool).await?;
        row.as_ref()
            .map(admin)
            .transpose()
            .map(|found| found.map(|admin| Session { admin }))
    }

    pub async fn close_session(&self, token_hash: &str) -> Result<(), StoreError> {
        sqlx::query(CLOSE)
            .bind(token_hash.to_owned())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    pub async fn purge_sessions(&self, now: Timestamp) -> Result<(), StoreError> {
        for statement in [FORGET, FORGET_LINKS] {
            sqlx::query(statement)
                .bind(now.as_millis())
                .execute(&self.pool)
                .await?;
        }
        Ok(())
    }
}

pub(crate) fn admin(row: &AnyRow) -> Result<Admin, StoreError> {
    Ok(Admin {
        id: decode("admin id", row.try_get("id")?, AdminId::parse)?,
        address: decode("address", row.try_get("address")?, EmailAddress::parse)?,
        role: row.try_get("role")?,
        password_hash: row.try_get("password_hash")?,
    })
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    COUNT,
    ADD,
    BY_KEY,
    BY_ID,
    SET_PASSWORD,
    ADD_LINK,
    DROP_SETUP_LINKS,
    FIND_LINK,
    USE_LINK,
    USE_SETUP_LINK,
    SET_PASSWORD_BY_KEY,
    OPEN,
    SESSION,
    CLOSE,
    CLOSE_ALL,
    FORGET,
    DROP_LINKS,
    FORGET_LINKS,
];
