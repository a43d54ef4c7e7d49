//! What was set at the desk, under a number that grows with each change: other processes
//! look at the number and follow.

use std::collections::BTreeMap;

use sqlx::Row;

use crate::domain::clock::Timestamp;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::{Store, StoreError};

/// The settings that were saved, by name, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedSettings {
    /// Grows with each change; 0 before the first.
    pub revision: i64,
    pub values: BTreeMap<String, String>,
}

const ALL: &str = "SELECT name, value FROM settings";
const REVISION: &str =
    "SELECT CAST(value AS BIGINT) AS n FROM metadata WHERE name = 'settings_revision'";
// Whoever saves goes through this one row, one after the other.
const NEXT_REVISION: &str = "INSERT INTO metadata (name, value) VALUES ('settings_revision', '1')
    ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(metadata.value AS BIGINT) + 1 AS TEXT)
    RETURNING CAST(value AS BIGINT) AS n";
const PUT: &str = "INSERT INTO settings (name, value, saved_at, saved_by) VALUES ($1, $2, $3, $4)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, saved_at = excluded.saved_at, saved_by = excluded.saved_by";
const FORGET: &str = "DELETE FROM settings WHERE name = $1";

impl Store {
    /// One row, to be asked often.
    pub async fn settings_revision(&self) -> Result<i64, StoreError> {
        let revision: Option<i64> = sqlx::query_scalar(REVISION)
            .fetch_optional(&self.pool)
            .await?;
        Ok(revision.unwrap_or(0))
    }

    pub async fn saved_settings(&self) -> Result<SavedSettings, StoreError> {
        // The number first: what is saved between the two reads is read again.
        let revision = self.settings_revision().await?;
        let rows = sqlx::query(ALL).fetch_all(&self.pool).await?;
        let pair = |row: &sqlx::any::AnyRow| Ok((row.try_get("name")?, row.try_get("value")?));
        Ok(SavedSettings {
            revision,
            values: rows.iter().map(pair).collect::<Result<_, StoreError>>()?,
        })
    }

    /// Saves `changes` (`None` forgets a value) and gives the new revision, unless others
    /// saved since `seen`: then nothing is saved, and `None` comes back.
    pub async fn save_settings(
        &self,
        changes: &[(String, Option<String>)],
        seen: i64,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let revision: i64 = sqlx::query_scalar(NEXT_REVISION)
                .fetch_one(&mut *tx)
                .await?;
            if revision != seen + 1 {
                return Ok(None);
            }
            for (name, value) in changes {
                save_one(&mut tx, name, value.as_deref(), by, now).await?;
            }
            tx.commit().await?;
            Ok(Some(revision))
        })
        .await
    }
}

async fn save_one(
    tx: &mut WriteTx,
    name: &str,
    value: Option<&str>,
    by: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(value) = value else {
        sqlx::query(FORGET)
            .bind(name.to_owned())
            .execute(&mut **tx)
            .await?;
        return Ok(());
    };
    sqlx::query(PUT)
        .bind(name.to_owned())
        .bind(value.to_owned())
        .bind(now.as_millis())
        .bind(by.to_owned())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[ALL, REVISION, NEXT_REVISION, PUT, FORGET];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DatabaseUrl;

    const NOW: Timestamp = Timestamp::from_millis(1_795_500_000_000);

    fn change(name: &str, value: Option<&str>) -> Vec<(String, Option<String>)> {
        vec![(name.to_owned(), value.map(str::to_owned))]
    }

    #[tokio::test]
    async fn each_save_has_a_number_and_a_stale_one_saves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let place = DatabaseUrl::Sqlite(folder.path().join("test.db"));
        let store = Store::connect(&place).await.unwrap();
        assert_eq!(
            store.saved_settings().await.unwrap(),
            SavedSettings::default()
        );

        let first = change("newsletter.name", Some("One"));
        let second = change("newsletter.name", Some("Two"));
        let save = async |changes: &[_], seen| store.save_settings(changes, seen, "ada", NOW).await;
        assert_eq!(save(&first, 0).await.unwrap(), Some(1));
        assert_eq!(save(&second, 0).await.unwrap(), None);
        let saved = store.saved_settings().await.unwrap();
        assert_eq!(
            (saved.revision, saved.values["newsletter.name"].as_str()),
            (1, "One")
        );

        assert_eq!(save(&second, 1).await.unwrap(), Some(2));
        let forget = change("newsletter.name", None);
        assert_eq!(save(&forget, 2).await.unwrap(), Some(3));
        assert!(store.saved_settings().await.unwrap().values.is_empty());
        assert_eq!(store.settings_revision().await.unwrap(), 3);
    }
}
