//! Settings saved in the admin UI, with a revision that increases with each change.
//!
//! Other processes poll the revision and reload the settings when it changes.

use std::collections::BTreeMap;

use crate::domain::clock::Timestamp;
use crate::store::db::connect::Store;
use crate::store::db::transaction::with_retry;
use crate::store::error::StoreError;

/// The saved settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SavedSettings {
    /// Increases with each change; 0 before the first.
    pub revision: i64,
    /// Values by setting key, as text as in the environment.
    pub values: BTreeMap<String, String>,
}

const LIST: &str = "SELECT name, value FROM settings";
const REVISION: &str =
    "SELECT CAST(value AS BIGINT) AS n FROM metadata WHERE name = 'settings_revision'";
/// Increments the revision and locks its row, so that saves run one after the other.
const NEXT_REVISION: &str = "INSERT INTO metadata (name, value) VALUES ('settings_revision', '1')
    ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(metadata.value AS BIGINT) + 1 AS TEXT)
    RETURNING CAST(value AS BIGINT) AS n";
const UPSERT: &str = "INSERT INTO settings (name, value, saved_at, saved_by) VALUES ($1, $2, $3, $4)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, saved_at = excluded.saved_at, saved_by = excluded.saved_by";
const DELETE: &str = "DELETE FROM settings WHERE name = $1";

impl Store {
    /// Returns the revision of the saved settings. Cheap enough to be polled: reads one row.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn settings_revision(&self) -> Result<i64, StoreError> {
        let revision: Option<i64> = sqlx::query_scalar(REVISION)
            .fetch_optional(&self.pool)
            .await?;
        Ok(revision.unwrap_or(0))
    }

    /// Returns the saved settings.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn saved_settings(&self) -> Result<SavedSettings, StoreError> {
        // Reads the revision first: a value saved in between has a later revision, so that
        // the next poll reads it again.
        let revision = self.settings_revision().await?;
        let values: Vec<(String, String)> = sqlx::query_as(LIST).fetch_all(&self.pool).await?;
        Ok(SavedSettings {
            revision,
            values: values.into_iter().collect(),
        })
    }

    /// Saves `changes` (`None` deletes a value) and returns the new revision.
    ///
    /// Returns `None`, and saves nothing, if the current revision is not `base_revision`:
    /// another save came first. `saved_by` is the address of the account.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn save_settings(
        &self,
        changes: &[(String, Option<String>)],
        base_revision: i64,
        saved_by: &str,
        now: Timestamp,
    ) -> Result<Option<i64>, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let revision: i64 = sqlx::query_scalar(NEXT_REVISION)
                .fetch_one(&mut *tx)
                .await?;
            if revision != base_revision + 1 {
                return Ok(None);
            }
            for (name, value) in changes {
                let statement = match value {
                    Some(value) => sqlx::query(UPSERT)
                        .bind(name)
                        .bind(value)
                        .bind(now)
                        .bind(saved_by),
                    None => sqlx::query(DELETE).bind(name),
                };
                statement.execute(&mut *tx).await?;
            }
            tx.commit().await?;
            Ok(Some(revision))
        })
        .await
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[LIST, REVISION, NEXT_REVISION, UPSERT, DELETE];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::DatabaseUrl;

    const NOW: Timestamp = Timestamp::from_millis(1_795_500_000_000);

    fn change(name: &str, value: Option<&str>) -> Vec<(String, Option<String>)> {
        vec![(name.to_owned(), value.map(str::to_owned))]
    }

    #[tokio::test]
    async fn save_with_stale_revision_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("test.db"));
        let store = Store::connect(&url).await.unwrap();
        let settings = store.saved_settings().await.unwrap();
        assert_eq!(settings, SavedSettings::default());
        let first = change("newsletter.name", Some("One"));
        let second = change("newsletter.name", Some("Two"));
        let save = async |changes: &[_], base_revision| {
            let saved = store.save_settings(changes, base_revision, "ada", NOW);
            saved.await.unwrap()
        };

        assert_eq!(save(&first, 0).await, Some(1));
        assert_eq!(save(&second, 0).await, None);

        let settings = store.saved_settings().await.unwrap();
        assert_eq!(
            (
                settings.revision,
                settings.values["newsletter.name"].as_str()
            ),
            (1, "One")
        );
        assert_eq!(save(&second, 1).await, Some(2));
    }

    #[tokio::test]
    async fn save_without_value_deletes_setting() {
        let folder = tempfile::tempdir().unwrap();
        let url = DatabaseUrl::Sqlite(folder.path().join("test.db"));
        let store = Store::connect(&url).await.unwrap();
        let set = change("newsletter.name", Some("Two"));
        store.save_settings(&set, 0, "ada", NOW).await.unwrap();

        let delete = change("newsletter.name", None);
        let saved = store.save_settings(&delete, 1, "ada", NOW).await.unwrap();

        assert_eq!(saved, Some(2));
        assert!(store.saved_settings().await.unwrap().values.is_empty());
        assert_eq!(store.settings_revision().await.unwrap(), 2);
    }
}
