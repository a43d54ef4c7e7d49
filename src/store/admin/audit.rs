//! Who did what: written once, read by admins, forgotten after a year.

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::domain::audit::{Actor, ActorKind, AuditAction, AuditTarget};
use crate::domain::clock::Timestamp;
use crate::domain::ids::AuditId;
use crate::store::{Store, StoreError, decode};

#[derive(Clone, Debug)]
pub struct AuditRow {
    pub id: AuditId,
    pub at: Timestamp,
    pub actor_kind: ActorKind,
    /// An account's address or a token's name, as it was then; none on the command line.
    pub actor: Option<String>,
    pub action: AuditAction,
    pub target: Option<String>,
}

const NOTE: &str = "INSERT INTO audit (id, at, actor_kind, actor, action, target)
    VALUES ($1, $2, $3, $4, $5, $6)";
const LIST: &str = "SELECT id, at, actor_kind, actor, action, target FROM audit
    WHERE CAST($1 AS TEXT) IS NULL OR id < $1 ORDER BY id DESC LIMIT $2";
const FORGET: &str = "DELETE FROM audit WHERE at <= $1";

impl Store {
    pub async fn insert_audit(
        &self,
        id: &AuditId,
        actor: &Actor,
        (action, object): (AuditAction, &AuditTarget),
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (kind, actor) = match actor {
            Actor::Admin(_, address) => (ActorKind::Admin, Some(address.to_string())),
            Actor::Token(_, name) => (ActorKind::Token, Some(name.as_str().to_owned())),
            Actor::Cli => (ActorKind::Cli, None),
        };
        self.execute_write(NOTE, |note| {
            note.bind(id.to_string())
                .bind(now.as_millis())
                .bind(kind.as_str())
                .bind(actor.clone())
                .bind(action.as_str())
                .bind(object.stored())
        })
        .await?;
        Ok(())
    }

    /// A page of the list, the newest first, from behind the row `after`.
    pub async fn audit_entries(
        &self,
        after: Option<&AuditId>,
        limit: i64,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let rows = sqlx::query(LIST)
            .bind(after.map(ToString::to_string))
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(audit_row).collect()
    }

    pub async fn purge_audit(&self, before: Timestamp) -> Result<(), StoreError> {
        sqlx::query(FORGET)
            .bind(before.as_millis())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

fn audit_row(row: &AnyRow) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        id: decode("audit id", row.try_get("id")?, AuditId::parse)?,
        at: Timestamp::from_millis(row.try_get("at")?),
        actor_kind: decode("actor kind", row.try_get("actor_kind")?, ActorKind::parse)?,
        actor: row.try_get("actor")?,
        action: decode("action", row.try_get("action")?, AuditAction::parse)?,
        target: row.try_get("target")?,
    })
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[NOTE, LIST, FORGET];
