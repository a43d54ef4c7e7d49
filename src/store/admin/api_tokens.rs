//! API tokens. Only a hash of each secret is stored.

use std::time::Duration;

use sqlx::any::AnyRow;
use sqlx::{FromRow, Row};

use crate::domain::api_token::{ApiTokenId, NewApiToken, Scopes, TokenName, TokenSecret, Validity};
use crate::domain::clock::Timestamp;
use crate::domain::ids::AdminId;
use crate::store::db::connect::Store;
use crate::store::db::transaction::WriteTx;
use crate::store::error::StoreError;

/// A stored API token.
#[derive(Clone, Debug)]
pub struct ApiToken {
    /// Increases with the time of creation.
    pub id: ApiTokenId,
    /// Unique among the tokens that are not revoked.
    pub name: TokenName,
    /// What the token allows.
    pub scopes: Scopes,
    /// When the token was created.
    pub created_at: Timestamp,
    /// The address of the account that created the token, at that time; `None` for the command
    /// line.
    pub created_by: Option<String>,
    /// When the token expires; `None` for never.
    pub expires_at: Option<Timestamp>,
    /// When the token was last used, accurate to about a minute.
    pub last_used_at: Option<Timestamp>,
    /// When the token was revoked.
    pub revoked_at: Option<Timestamp>,
}

impl ApiToken {
    /// Returns whether the token is valid at `now`.
    pub fn validity(&self, now: Timestamp) -> Validity {
        Validity::from_dates(self.expires_at, self.revoked_at, now)
    }
}

impl FromRow<'_, AnyRow> for ApiToken {
    fn from_row(row: &AnyRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            scopes: row.try_get("scopes")?,
            created_at: row.try_get("created_at")?,
            created_by: row.try_get("created_by")?,
            expires_at: row.try_get("expires_at")?,
            last_used_at: row.try_get("last_used_at")?,
            revoked_at: row.try_get("revoked_at")?,
        })
    }
}

/// Minimum time between two updates of `last_used_at`, so that a client that only reads
/// causes almost no writes.
const LAST_USED_INTERVAL: Duration = Duration::from_secs(60);

macro_rules! select_token_sql {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, scopes, created_at, created_by, expires_at, last_used_at, revoked_at
            FROM api_tokens ",
            $rest
        )
    };
}
const INSERT: &str =
    "INSERT INTO api_tokens (id, name, token_hash, scopes, created_at, created_by, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
const BY_HASH: &str = select_token_sql!("WHERE token_hash = $1");
const LIST: &str = select_token_sql!("ORDER BY id DESC");
const TOUCH: &str = "UPDATE api_tokens SET last_used_at = $2
    WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)";
const REVOKE: &str = "UPDATE api_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
/// Finds the tokens by address, because the address of an account never changes.
const REVOKE_BY_ACCOUNT: &str = "UPDATE api_tokens SET revoked_at = $2
    WHERE created_by = (SELECT address FROM admins WHERE id = $1) AND revoked_at IS NULL
    RETURNING name";
const PURGE: &str = "DELETE FROM api_tokens WHERE revoked_at <= $1";

impl Store {
    /// Stores a token. Returns false if a token of that name exists and is not revoked.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn add_api_token(&self, token: &NewApiToken) -> Result<bool, StoreError> {
        let inserted = self.execute_write(INSERT, |insert| {
            insert
                .bind(token.id)
                .bind(&token.name)
                .bind(token.secret.hash())
                .bind(&token.scopes)
                .bind(token.created_at)
                .bind(&token.created_by)
                .bind(token.expires_at)
        });
        Ok(inserted.await? > 0)
    }

    /// Returns the token with this secret, even if it is expired or revoked.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// a stored value cannot be parsed.
    pub async fn api_token(&self, secret: &TokenSecret) -> Result<Option<ApiToken>, StoreError> {
        let query = sqlx::query_as(BY_HASH).bind(secret.hash());
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Returns all tokens, newest first, including those that are expired or revoked.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// a stored value cannot be parsed.
    pub async fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        Ok(sqlx::query_as(LIST).fetch_all(&self.pool).await?)
    }

    /// Records that a token was used, at most once per minute.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn touch_api_token(
        &self,
        token: &ApiToken,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let since = now.minus(LAST_USED_INTERVAL);
        if token.last_used_at.is_some_and(|at| at > since) {
            return Ok(());
        }
        let touched =
            self.execute_write(TOUCH, |update| update.bind(token.id).bind(now).bind(since));
        touched.await.map(drop)
    }

    /// Revokes a token. Returns false if it is revoked already or does not exist.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn revoke_api_token(
        &self,
        id: &ApiTokenId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let revoked = self.execute_write(REVOKE, |update| update.bind(id).bind(now));
        Ok(revoked.await? > 0)
    }

    /// Deletes the tokens that were revoked at or before `before`.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn purge_api_tokens(&self, before: Timestamp) -> Result<(), StoreError> {
        let purged = self.execute_write(PURGE, |delete| delete.bind(before));
        purged.await.map(drop)
    }
}

/// Revokes the tokens that an account created and returns their names.
///
/// For an account that is deleted or no longer an admin.
pub(crate) async fn revoke_account_tokens(
    tx: &mut WriteTx,
    admin: &AdminId,
    now: Timestamp,
) -> Result<Vec<TokenName>, StoreError> {
    Ok(sqlx::query_scalar(REVOKE_BY_ACCOUNT)
        .bind(admin)
        .bind(now)
        .fetch_all(&mut **tx)
        .await?)
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[
    INSERT,
    BY_HASH,
    LIST,
    TOUCH,
    REVOKE,
    REVOKE_BY_ACCOUNT,
    PURGE,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::random::Random;
    use crate::store::DatabaseUrl;
    use crate::test_database::Database;

    const NOW: Timestamp = Timestamp::from_millis(1_795_168_800_000);

    fn token(name: &str, random: &Random, now: Timestamp) -> NewApiToken {
        let name = TokenName::parse(name).unwrap();
        let scopes = Scopes::parse(["read", "issues"]).unwrap();
        NewApiToken::new((name, scopes), None, None, (random, now))
    }

    async fn open_store(database: &Database) -> Store {
        let url = match database.url().strip_prefix("sqlite:") {
            Some(path) => DatabaseUrl::Sqlite(path.into()),
            None => DatabaseUrl::Postgres(database.url().into()),
        };
        Store::connect(&url).await.unwrap()
    }

    #[tokio::test]
    async fn api_token_is_found_by_its_secret_only() {
        let database = Database::fresh().await;
        let store = open_store(&database).await;
        let random = Random::seeded(1);
        let blog = token("blog", &random, NOW);
        assert!(store.add_api_token(&blog).await.unwrap());

        let found = store.api_token(&blog.secret).await.unwrap().unwrap();
        let other = TokenSecret::new(&random);
        let not_found = store.api_token(&other).await.unwrap();

        assert_eq!((&found.name, &found.scopes), (&blog.name, &blog.scopes));
        assert!(not_found.is_none());
    }

    #[tokio::test]
    async fn token_name_is_free_after_revocation() {
        let database = Database::fresh().await;
        let store = open_store(&database).await;
        let random = Random::seeded(1);
        let blog = token("blog", &random, NOW);
        let same_name = token("blog", &random, NOW);
        assert!(store.add_api_token(&blog).await.unwrap());
        assert!(!store.add_api_token(&same_name).await.unwrap());

        assert!(store.revoke_api_token(&blog.id, NOW).await.unwrap());
        assert!(!store.revoke_api_token(&blog.id, NOW).await.unwrap());

        let found = store.api_token(&blog.secret).await.unwrap().unwrap();
        assert_eq!(found.validity(NOW), Validity::Revoked);
        assert!(store.add_api_token(&same_name).await.unwrap());
    }

    #[tokio::test]
    async fn purge_deletes_only_revoked_tokens() {
        let database = Database::fresh().await;
        let store = open_store(&database).await;
        let random = Random::seeded(1);
        let [revoked, valid] = ["blog", "shop"].map(|name| token(name, &random, NOW));
        for token in [&revoked, &valid] {
            assert!(store.add_api_token(token).await.unwrap());
        }
        assert!(store.revoke_api_token(&revoked.id, NOW).await.unwrap());

        store.purge_api_tokens(NOW).await.unwrap();

        let ids: Vec<_> = store.api_tokens().await.unwrap();
        let ids: Vec<_> = ids.iter().map(|token| token.id).collect();
        assert_eq!(ids, [valid.id]);
    }

    #[tokio::test]
    async fn last_use_is_written_once_a_minute() {
        let database = Database::fresh().await;
        let store = open_store(&database).await;
        let blog = token("blog", &Random::seeded(1), NOW);
        store.add_api_token(&blog).await.unwrap();

        let mut last_uses = Vec::new();
        for seconds in [1, 30, 60, 61, 100] {
            let now = NOW.plus(Duration::from_secs(seconds));
            let found = store.api_token(&blog.secret).await.unwrap().unwrap();
            store.touch_api_token(&found, now).await.unwrap();
            let found = store.api_token(&blog.secret).await.unwrap().unwrap();
            last_uses.push(found.last_used_at.unwrap().since(NOW).as_secs());
        }

        assert_eq!(last_uses, [1, 1, 1, 61, 61]);
    }
}
