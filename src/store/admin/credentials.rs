//! Passwords of accounts, and the one-time links that set them (table `admin_links`).
//!
//! Only hashes of passwords and link tokens are stored. A new password invalidates the
//! account's links and sessions.

use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::AdminId;
use crate::store::admin::accounts::{ADMIN_BY_KEY, COUNT_WITH_PASSWORD, INSERT_ADMIN};
use crate::store::admin::sessions::{
    DELETE_EXPIRED_SESSIONS, DELETE_OTHER_SESSIONS, DELETE_SESSIONS,
};
use crate::store::admin::types::{Admin, Role};
use crate::store::db::connect::Store;
use crate::store::error::StoreError;

const SET_PASSWORD: &str = "UPDATE admins SET password_hash = $2 WHERE id = $1";
const SET_PASSWORD_BY_KEY: &str = "UPDATE admins SET password_hash = $2 WHERE address_key = $1";
const INSERT_LINK: &str =
    "INSERT INTO admin_links (token_hash, admin_id, expires_at) VALUES ($1, $2, $3)";
const FIND_LINK: &str =
    "SELECT admin_id FROM admin_links WHERE token_hash = $1 AND expires_at > $2";
const CONSUME_LINK: &str = "DELETE FROM admin_links WHERE token_hash = $1 AND expires_at > $2";
const CONSUME_SETUP_LINK: &str =
    "DELETE FROM admin_links WHERE token_hash = $1 AND expires_at > $2 AND admin_id IS NULL";
const DELETE_LINKS: &str = "DELETE FROM admin_links WHERE admin_id = $1";
const DELETE_SETUP_LINKS: &str = "DELETE FROM admin_links WHERE admin_id IS NULL";
const DELETE_EXPIRED_LINKS: &str = "DELETE FROM admin_links WHERE expires_at <= $1";

impl Store {
    /// Stores a one-time link for an account, or with `None` the link of the first run.
    ///
    /// A new link of the first run replaces the old ones.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn add_admin_link(
        &self,
        token_hash: &str,
        admin: Option<&AdminId>,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        if admin.is_none() {
            sqlx::query(DELETE_SETUP_LINKS).execute(&mut *tx).await?;
        }
        sqlx::query(INSERT_LINK)
            .bind(token_hash)
            .bind(admin)
            .bind(expires)
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }

    /// Returns the account of a one-time link; `Some(None)` is the link of the first run.
    ///
    /// Returns `None` if the link is unknown, used or expired.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// the stored id cannot be parsed.
    pub async fn admin_link(
        &self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<Option<AdminId>>, StoreError> {
        let query = sqlx::query_scalar(FIND_LINK).bind(token_hash).bind(now);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Consumes a one-time link, sets the password, and closes all sessions of the account.
    ///
    /// Returns false, and changes nothing, if the link was used concurrently or has expired.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn set_password_with_link(
        &self,
        link_hash: &str,
        admin: &AdminId,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin_write().await?;
        let consumed = sqlx::query(CONSUME_LINK)
            .bind(link_hash)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        if consumed.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(SET_PASSWORD)
            .bind(admin)
            .bind(password_hash)
            .execute(&mut *tx)
            .await?;
        for statement in [DELETE_SESSIONS, DELETE_LINKS] {
            sqlx::query(statement).bind(admin).execute(&mut *tx).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Consumes the link of the first run and creates the first account.
    ///
    /// If the address has an account without a password, that account gets the password.
    /// Returns the id of the account; `None`, and changes nothing, if the link is used or
    /// expired, or if another account has a password.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// value of an existing account cannot be parsed.
    pub async fn create_first_admin(
        &self,
        link_hash: &str,
        (id, address): (&AdminId, &EmailAddress),
        password_hash: &str,
        now: Timestamp,
    ) -> Result<Option<AdminId>, StoreError> {
        let mut tx = self.begin_write().await?;
        let consumed = sqlx::query(CONSUME_SETUP_LINK)
            .bind(link_hash)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        let admins: i64 = sqlx::query_scalar(COUNT_WITH_PASSWORD)
            .fetch_one(&mut *tx)
            .await?;
        if consumed.rows_affected() == 0 || admins > 0 {
            return Ok(None);
        }
        sqlx::query(INSERT_ADMIN)
            .bind(id)
            .bind(address)
            .bind(address.key())
            .bind(Role::Admin)
            .bind(now)
            .execute(&mut *tx)
            .await?;
        sqlx::query(SET_PASSWORD_BY_KEY)
            .bind(address.key())
            .bind(password_hash)
            .execute(&mut *tx)
            .await?;
        let admin: Admin = sqlx::query_as(ADMIN_BY_KEY)
            .bind(address.key())
            .fetch_one(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(Some(admin.id))
    }

    /// Sets a password, deletes the account's links, and closes its sessions except `session`.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn change_password(
        &self,
        admin: &AdminId,
        password_hash: &str,
        session: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        sqlx::query(SET_PASSWORD)
            .bind(admin)
            .bind(password_hash)
            .execute(&mut *tx)
            .await?;
        sqlx::query(DELETE_OTHER_SESSIONS)
            .bind(admin)
            .bind(session)
            .execute(&mut *tx)
            .await?;
        sqlx::query(DELETE_LINKS)
            .bind(admin)
            .execute(&mut *tx)
            .await?;
        tx.commit().await
    }

    /// Closes all sessions of an account and deletes its one-time links.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn close_admin_sessions(&self, admin: &AdminId) -> Result<(), StoreError> {
        for statement in [DELETE_SESSIONS, DELETE_LINKS] {
            sqlx::query(statement)
                .bind(admin)
                .execute(&self.pool)
                .await?;
        }
        Ok(())
    }

    /// Deletes expired sessions and expired one-time links.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn purge_sessions(&self, now: Timestamp) -> Result<(), StoreError> {
        for statement in [DELETE_EXPIRED_SESSIONS, DELETE_EXPIRED_LINKS] {
            sqlx::query(statement).bind(now).execute(&self.pool).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    SET_PASSWORD,
    SET_PASSWORD_BY_KEY,
    INSERT_LINK,
    FIND_LINK,
    CONSUME_LINK,
    CONSUME_SETUP_LINK,
    DELETE_LINKS,
    DELETE_SETUP_LINKS,
    DELETE_EXPIRED_LINKS,
];
