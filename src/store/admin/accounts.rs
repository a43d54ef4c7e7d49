//! The table `admins`: accounts of the admin UI.

use sqlx::{FromRow, Row};

use crate::domain::api_token::TokenName;
use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::AdminId;
use crate::store::admin::api_tokens::revoke_account_tokens;
use crate::store::admin::types::{Admin, Role};
use crate::store::db::connect::Store;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::error::StoreError;

/// An account as the list of accounts shows it.
#[derive(Clone, Debug)]
pub struct Account {
    /// The account.
    pub admin: Admin,
    /// When the account was created.
    pub created_at: Timestamp,
}

/// Counts the accounts that have a password.
pub(crate) const COUNT_WITH_PASSWORD: &str =
    "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM admins WHERE password_hash IS NOT NULL";
/// Inserts an account without a password, unless the address has one.
pub(crate) const INSERT_ADMIN: &str =
    "INSERT INTO admins (id, address, address_key, role, created_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (address_key) DO NOTHING";
/// Selects the account with the address key $1.
pub(crate) const ADMIN_BY_KEY: &str =
    "SELECT id, address, role, password_hash FROM admins WHERE address_key = $1";
const ADMIN_BY_ID: &str = "SELECT id, address, role, password_hash FROM admins WHERE id = $1";
const LIST: &str =
    "SELECT id, address, role, password_hash, created_at FROM admins ORDER BY created_at, id";
/// Locks all admin rows, so that two concurrent demotions cannot remove the last admin.
const LOCK_ADMINS: &str = "UPDATE admins SET role = role WHERE role = 'admin'";
const OTHER_ADMINS: &str = "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM admins
    WHERE role = 'admin' AND password_hash IS NOT NULL AND id <> $1";
const SET_ROLE: &str = "UPDATE admins SET role = $2 WHERE id = $1";
const DELETE: &str = "DELETE FROM admins WHERE id = $1";

impl Store {
    /// Returns whether any account has a password, that is, whether a login is possible.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn has_admin(&self) -> Result<bool, StoreError> {
        let count: i64 = sqlx::query_scalar(COUNT_WITH_PASSWORD)
            .fetch_one(&self.pool)
            .await?;
        Ok(count > 0)
    }

    /// Creates an account without a password.
    ///
    /// Returns false if the address has an account already.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn add_admin(
        &self,
        id: &AdminId,
        address: &EmailAddress,
        role: Role,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let insert = sqlx::query(INSERT_ADMIN)
            .bind(id)
            .bind(address)
            .bind(address.key())
            .bind(role)
            .bind(now);
        Ok(insert.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Returns the account with this address.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// a stored value cannot be parsed.
    pub async fn admin_by_address(
        &self,
        address: &EmailAddress,
    ) -> Result<Option<Admin>, StoreError> {
        let query = sqlx::query_as(ADMIN_BY_KEY).bind(address.key());
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Returns the account with this id.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// a stored value cannot be parsed.
    pub async fn admin(&self, id: &AdminId) -> Result<Option<Admin>, StoreError> {
        let query = sqlx::query_as(ADMIN_BY_ID).bind(id);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Returns all accounts, oldest first.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// a stored value cannot be parsed.
    pub async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let rows = sqlx::query(LIST).fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                Ok(Account {
                    admin: Admin::from_row(row)?,
                    created_at: row.try_get("created_at")?,
                })
            })
            .collect()
    }

    /// Sets the role of an account.
    ///
    /// A demotion from admin revokes the API tokens of the account and returns their names.
    /// Returns `None`, and changes nothing, if no other admin could log in.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if
    /// the name of a revoked token cannot be parsed.
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
                revoked = revoke_account_tokens(&mut tx, id, now).await?;
            }
            sqlx::query(SET_ROLE)
                .bind(id)
                .bind(role)
                .execute(&mut *tx)
                .await?;
            tx.commit().await?;
            Ok(Some(revoked))
        })
        .await
    }

    /// Deletes an account with its one-time links and sessions, and revokes its API tokens.
    ///
    /// Returns the names of the revoked tokens. Returns `None`, and changes nothing, if no
    /// other admin could log in.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if
    /// the name of a revoked token cannot be parsed.
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
            let revoked = revoke_account_tokens(&mut tx, id, now).await?;
            sqlx::query(DELETE).bind(id).execute(&mut *tx).await?;
            tx.commit().await?;
            Ok(Some(revoked))
        })
        .await
    }
}

/// Returns whether an admin other than `id` can log in, and locks the rows of all admins.
async fn has_other_admin(tx: &mut WriteTx, id: &AdminId) -> Result<bool, StoreError> {
    sqlx::query(LOCK_ADMINS).execute(&mut **tx).await?;
    let others: i64 = sqlx::query_scalar(OTHER_ADMINS)
        .bind(id)
        .fetch_one(&mut **tx)
        .await?;
    Ok(others > 0)
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    COUNT_WITH_PASSWORD,
    INSERT_ADMIN,
    ADMIN_BY_KEY,
    ADMIN_BY_ID,
    LIST,
    LOCK_ADMINS,
    OTHER_ADMINS,
    SET_ROLE,
    DELETE,
];
