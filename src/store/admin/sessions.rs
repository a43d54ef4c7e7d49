//! The accounts of the desk, as admins keep them, and each one's sessions.

use sqlx::Row;

use crate::domain::api_token::TokenName;
use crate::domain::clock::Timestamp;
use crate::domain::ids::AdminId;
use crate::store::admin::accounts::{CLOSE_ALL, DROP_LINKS, SET_PASSWORD, admin};
use crate::store::admin::api_tokens::revoke_of;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::{Admin, Role, Store, StoreError};

#[derive(Clone, Debug)]
pub struct Account {
    pub admin: Admin,
    pub created_at: Timestamp,
}

/// One browser that is logged in.
#[derive(Clone, Debug)]
pub struct OpenSession {
    pub token_hash: String,
    pub started_at: Timestamp,
}

const LIST: &str =
    "SELECT id, address, role, password_hash, created_at FROM admins ORDER BY created_at, id";
// Two admins who take each other's role away at once must not both succeed: on PostgreSQL
// this waits for the other's transaction, and what is counted next has seen it.
const HOLD_ADMINS: &str = "UPDATE admins SET role = role WHERE role = 'admin'";
const OTHER_ADMINS: &str = "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM admins
    WHERE role = 'admin' AND password_hash IS NOT NULL AND id <> $1";
const SET_ROLE: &str = "UPDATE admins SET role = $2 WHERE id = $1";
const REMOVE: &str = "DELETE FROM admins WHERE id = $1";
const SESSIONS: &str = "SELECT token_hash, created_at FROM sessions
    WHERE admin_id = $1 AND expires_at > $2 ORDER BY created_at DESC";
const CLOSE_OTHERS: &str = "DELETE FROM sessions WHERE admin_id = $1 AND token_hash <> $2";

impl Store {
    /// The oldest first.
    pub async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let rows = sqlx::query(LIST).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(Account {
                    admin: admin(row)?,
                    created_at: Timestamp::from_millis(row.try_get("created_at")?),
                })
            })
            .collect()
    }

    /// Sets a role; the tokens of who is no admin any more are revoked, and their names
    /// given. `None` when nobody else would be left who can log in as an admin.
    pub async fn set_role(
        &self,
        id: &AdminId,
        role: Role,
        now: Timestamp,
    ) -> Result<Option<Vec<TokenName>>, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let mut revoked = Vec::new();
            if role != Role::Admin {
                if !has_other_admin(&mut tx, id).await? {
                    return Ok(None);
                }
                revoked = revoke_of(&mut tx, id, now).await?;
            }
            sqlx::query(SET_ROLE)
                .bind(id.to_string())
                .bind(role.as_str())
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(Some(revoked))
        })
        .await
    }

    /// Removes an account, its links and its sessions, and revokes its tokens. Answers as
    /// [`Self::set_role`].
    pub async fn remove_account(
        &self,
        id: &AdminId,
        now: Timestamp,
    ) -> Result<Option<Vec<TokenName>>, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            if !has_other_admin(&mut tx, id).await? {
                return Ok(None);
            }
            let revoked = revoke_of(&mut tx, id, now).await?;
            sqlx::query(REMOVE)
                .bind(id.to_string())
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(Some(revoked))
        })
        .await
    }

    /// Sets a password, and ends the links to the account and all its sessions but `session`.
    pub async fn change_password(
        &self,
        id: &AdminId,
        password_hash: &str,
        session: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin_write().await?;
        sqlx::query(SET_PASSWORD)
            .bind(id.to_string())
            .bind(password_hash.to_owned())
            .execute(&mut *tx)
            .await?;
        sqlx::query(CLOSE_OTHERS)
            .bind(id.to_string())
            .bind(session.to_owned())
            .execute(&mut *tx)
            .await?;
        sqlx::query(DROP_LINKS)
            .bind(id.to_string())
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// The newest first.
    pub async fn admin_sessions(
        &self,
        id: &AdminId,
        now: Timestamp,
    ) -> Result<Vec<OpenSession>, StoreError> {
        let rows = sqlx::query(SESSIONS)
            .bind(id.to_string())
            .bind(now.as_millis())
            .fetch_all(&self.pool)
            .await?;
        rows.iter()
            .map(|row| {
                Ok(OpenSession {
                    token_hash: row.try_get("token_hash")?,
                    started_at: Timestamp::from_millis(row.try_get("created_at")?),
                })
            })
            .collect()
    }

    /// Ends all sessions of an account, and the links to it.
    pub async fn close_admin_sessions(&self, id: &AdminId) -> Result<(), StoreError> {
        for statement in [CLOSE_ALL, DROP_LINKS] {
            sqlx::query(statement)
                .bind(id.to_string())
                .execute(&self.pool)
                .await?;
        }
        Ok(())
    }
}

async fn has_other_admin(tx: &mut WriteTx, id: &AdminId) -> Result<bool, StoreError> {
    sqlx::query(HOLD_ADMINS).execute(&mut **tx).await?;
    let others: i64 = sqlx::query_scalar(OTHER_ADMINS)
        .bind(id.to_string())
        .fetch_one(&mut **tx)
        .await?;
    Ok(others > 0)
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    LIST,
    HOLD_ADMINS,
    OTHER_ADMINS,
    SET_ROLE,
    REMOVE,
    SESSIONS,
    CLOSE_OTHERS,
];
