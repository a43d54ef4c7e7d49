//! The table `sessions`: browsers that are logged in to the admin UI.

use crate::domain::clock::Timestamp;
use crate::domain::ids::AdminId;
use crate::store::admin::types::Admin;
use crate::store::db::connect::Store;
use crate::store::error::StoreError;

/// A session that has not expired.
#[derive(Clone, Debug)]
pub struct Session {
    /// The account that is logged in.
    pub admin: Admin,
}

/// A session as the list of an account's sessions shows it.
#[derive(Clone, Debug)]
pub struct OpenSession {
    /// The hash of the session token.
    pub token_hash: String,
    /// When the account logged in.
    pub started_at: Timestamp,
}

const INSERT: &str =
    "INSERT INTO sessions (token_hash, admin_id, created_at, expires_at) VALUES ($1, $2, $3, $4)";
const FIND: &str = "SELECT a.id, a.address, a.role, a.password_hash FROM sessions s
    JOIN admins a ON a.id = s.admin_id WHERE s.token_hash = $1 AND s.expires_at > $2";
const DELETE: &str = "DELETE FROM sessions WHERE token_hash = $1";
const LIST: &str = "SELECT token_hash, created_at FROM sessions
    WHERE admin_id = $1 AND expires_at > $2 ORDER BY created_at DESC";
/// Deletes all sessions of the account $1.
pub(crate) const DELETE_SESSIONS: &str = "DELETE FROM sessions WHERE admin_id = $1";
/// Deletes the sessions of the account $1, except the one with the token hash $2.
pub(crate) const DELETE_OTHER_SESSIONS: &str =
    "DELETE FROM sessions WHERE admin_id = $1 AND token_hash <> $2";
/// Deletes the sessions that expire at or before $1.
pub(crate) const DELETE_EXPIRED_SESSIONS: &str = "DELETE FROM sessions WHERE expires_at <= $1";

impl Store {
    /// Opens a session until `expires`.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, for example because the
    /// account does not exist.
    pub async fn open_session(
        &self,
        token_hash: &str,
        admin: &AdminId,
        now: Timestamp,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        sqlx::query(INSERT)
            .bind(token_hash)
            .bind(admin)
            .bind(now)
            .bind(expires)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Returns the session with this token hash, unless it has expired.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// a value of the account cannot be parsed.
    pub async fn session(
        &self,
        token_hash: &str,
        now: Timestamp,
    ) -> Result<Option<Session>, StoreError> {
        let admin = sqlx::query_as(FIND)
            .bind(token_hash)
            .bind(now)
            .fetch_optional(&self.pool)
            .await?;
        Ok(admin.map(|admin| Session { admin }))
    }

    /// Closes the session with this token hash, if there is one.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn close_session(&self, token_hash: &str) -> Result<(), StoreError> {
        sqlx::query(DELETE)
            .bind(token_hash)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Returns the sessions of an account that have not expired, newest first.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn admin_sessions(
        &self,
        admin: &AdminId,
        now: Timestamp,
    ) -> Result<Vec<OpenSession>, StoreError> {
        let sessions: Vec<(String, Timestamp)> = sqlx::query_as(LIST)
            .bind(admin)
            .bind(now)
            .fetch_all(&self.pool)
            .await?;
        Ok(sessions
            .into_iter()
            .map(|(token_hash, started_at)| OpenSession {
                token_hash,
                started_at,
            })
            .collect())
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    INSERT,
    FIND,
    DELETE,
    LIST,
    DELETE_SESSIONS,
    DELETE_OTHER_SESSIONS,
    DELETE_EXPIRED_SESSIONS,
];
