//! The audit log. Rows are inserted and purged after a year, but never changed.

use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

use crate::domain::audit::{Actor, ActorKind, AuditAction, AuditTarget};
use crate::domain::clock::Timestamp;
use crate::domain::ids::AuditId;
use crate::store::db::connect::Store;
use crate::store::error::StoreError;

/// An entry of the audit log.
#[derive(Clone, Debug)]
pub struct AuditRow {
    /// Increases with time.
    pub id: AuditId,
    /// When the action happened.
    pub at: Timestamp,
    /// Whether an account, an API token or the command line acted.
    pub actor_kind: ActorKind,
    /// The address of the account or the name of the token at that time; `None` for the
    /// command line.
    pub actor: Option<String>,
    /// The action.
    pub action: AuditAction,
    /// What the action changed, in its stored form (`AuditTarget::stored`).
    pub target: Option<String>,
}

impl FromRow<'_, AnyRow> for AuditRow {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            at: row.try_get("at")?,
            actor_kind: row.try_get("actor_kind")?,
            actor: row.try_get("actor")?,
            action: row.try_get("action")?,
            target: row.try_get("target")?,
        })
    }
}

const INSERT: &str = "INSERT INTO audit (id, at, actor_kind, actor, action, target)
    VALUES ($1, $2, $3, $4, $5, $6)";
const LIST: &str = "SELECT id, at, actor_kind, actor, action, target FROM audit
    WHERE CAST($1 AS TEXT) IS NULL OR id < $1 ORDER BY id DESC LIMIT $2";
const PURGE: &str = "DELETE FROM audit WHERE at <= $1";

impl Store {
    /// Appends an entry to the audit log.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn insert_audit(
        &self,
        id: &AuditId,
        actor: &Actor,
        (action, target): (AuditAction, &AuditTarget),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (kind, actor) = match actor {
            Actor::Admin(_, address) => (ActorKind::Admin, Some(address.to_string())),
            Actor::Token(_, name) => (ActorKind::Token, Some(name.as_str().to_owned())),
            Actor::Cli => (ActorKind::Cli, None),
        };
        self.execute_write(INSERT, |insert| {
            insert
                .bind(id)
                .bind(now)
                .bind(kind)
                .bind(&actor)
                .bind(action)
                .bind(target.to_stored())
        })
        .await?;
        Ok(())
    }

    /// Returns a page of the audit log, newest first.
    ///
    /// `after` is the id of the last entry of the page before.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// a stored value cannot be parsed.
    pub async fn audit_entries(
        &self,
        after: Option<&AuditId>,
        limit: i64,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let query = sqlx::query_as(LIST).bind(after).bind(limit);
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// Deletes the entries written at or before `before`.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn purge_audit(&self, before: Timestamp) -> Result<(), StoreError> {
        sqlx::query(PURGE).bind(before).execute(&self.pool).await?;
        Ok(())
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[INSERT, LIST, PURGE];
