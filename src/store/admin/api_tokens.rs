//! Keys for programs. Only hashes of them are kept.

use std::time::Duration;

use sqlx::Row;
use sqlx::any::AnyRow;

use crate::domain::api_token::{ApiTokenId, NewApiToken, Scopes, TokenName, TokenSecret, Validity};
use crate::domain::clock::Timestamp;
use crate::domain::ids::AdminId;
use crate::store::db::transaction::WriteTx;
use crate::store::{Store, StoreError, decode};

#[derive(Clone, Debug)]
pub struct ApiToken {
    pub id: ApiTokenId,
    pub name: TokenName,
    pub scopes: Scopes,
    pub created_at: Timestamp,
    /// The account that made it, by its address then; none: a command.
    pub created_by: Option<String>,
    pub expires_at: Option<Timestamp>,
    /// To about a minute.
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl ApiToken {
    pub fn validity(&self, now: Timestamp) -> Validity {
        Validity::of(self.expires_at, self.revoked_at, now)
    }
}

/// That a token was used is noted no oftener, so that reading writes next to nothing.
const NOTED_EVERY: Duration = Duration::from_secs(60);

macro_rules! tokens {
    ($rest:literal) => {
        concat!(
            "SELECT id, name, scopes, created_at, created_by, expires_at, last_used_at, revoked_at
            FROM api_tokens ",
            $rest
        )
    };
}
const ADD: &str =
    "INSERT INTO api_tokens (id, name, token_hash, scopes, created_at, created_by, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING";
const BY_HASH: &str = tokens!("WHERE token_hash = $1");
const LIST: &str = tokens!("ORDER BY id DESC");
const USED: &str = "UPDATE api_tokens SET last_used_at = $2
    WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)";
const REVOKE: &str = "UPDATE api_tokens SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
// An account is there under one address as long as it lasts.
const REVOKE_OF: &str = "UPDATE api_tokens SET revoked_at = $2
    WHERE created_by = (SELECT address FROM admins WHERE id = $1) AND revoked_at IS NULL
    RETURNING name";
const FORGET: &str = "DELETE FROM api_tokens WHERE revoked_at <= $1";

impl Store {
    /// False when a token of that name is not revoked yet.
    pub async fn add_api_token(&self, token: &NewApiToken) -> Result<bool, StoreError> {
        let added = self.execute_write(ADD, |insert| {
            insert
                .bind(token.id.to_string())
                .bind(token.name.as_str().to_owned())
                .bind(token.secret.hash())
                .bind(token.scopes.to_string())
                .bind(token.made_at.as_millis())
                .bind(token.made_by.as_ref().map(ToString::to_string))
                .bind(token.expires_at.map(Timestamp::as_millis))
        });
        Ok(added.await? > 0)
    }

    /// Whose secret it is, also when it does not hold any more.
    pub async fn api_token(&self, secret: &TokenSecret) -> Result<Option<ApiToken>, StoreError> {
        let row = sqlx::query(BY_HASH)
            .bind(secret.hash())
            .fetch_optional(&self.pool)
            .await?;
        row.as_ref().map(api_token).transpose()
    }

    /// The newest first, those that do not hold any more among them.
    pub async fn api_tokens(&self) -> Result<Vec<ApiToken>, StoreError> {
        let rows = sqlx::query(LIST).fetch_all(&self.pool).await?;
        rows.iter().map(api_token).collect()
    }

    /// Notes that a token was just used, if that was not noted a moment ago.
    pub async fn touch_api_token(
        &self,
        token: &ApiToken,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let since = now.minus(NOTED_EVERY);
        if token.last_used_at.is_some_and(|at| at > since) {
            return Ok(());
        }
        let note = self.execute_write(USED, |update| {
            update
                .bind(token.id.to_string())
                .bind(now.as_millis())
                .bind(since.as_millis())
        });
        note.await.map(drop)
    }

    /// From now on it opens nothing. False when it was revoked before, or is not there.
    pub async fn revoke_api_token(
        &self,
        id: &ApiTokenId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let revoked = self.execute_write(REVOKE, |update| {
            update.bind(id.to_string()).bind(now.as_millis())
        });
        Ok(revoked.await? > 0)
    }

    /// Forgets what was revoked before then.
    pub async fn purge_api_tokens(&self, before: Timestamp) -> Result<(), StoreError> {
        let forget = self.execute_write(FORGET, |delete| delete.bind(before.as_millis()));
        forget.await.map(drop)
    }
}

/// Revokes what an account made; whoever may not make tokens any more may not use one. Gives
/// their names.
pub(crate) async fn revoke_of(
    tx: &mut WriteTx,
    admin: &AdminId,
    now: Timestamp,
) -> Result<Vec<TokenName>, StoreError> {
    let names: Vec<String> = sqlx::query_scalar(REVOKE_OF)
        .bind(admin.to_string())
        .bind(now.as_millis())
        .fetch_all(&mut **tx)
        .await?;
    let names = names.into_iter();
    names
        .map(|name| decode("token name", name, TokenName::parse))
        .collect()
}

fn api_token(row: &AnyRow) -> Result<ApiToken, StoreError> {
    let at = |name: &str| {
        row.try_get::<Option<i64>, _>(name)
            .map(|at| at.map(Timestamp::from_millis))
    };
    Ok(ApiToken {
        id: decode("token id", row.try_get("id")?, ApiTokenId::parse)?,
        name: decode("token name", row.try_get("name")?, TokenName::parse)?,
        scopes: decode("scopes", row.try_get("scopes")?, |words| {
            Scopes::parse(words.split(' '))
        })?,
        created_at: Timestamp::from_millis(row.try_get("created_at")?),
        created_by: row.try_get("created_by")?,
        expires_at: at("expires_at")?,
        last_used_at: at("last_used_at")?,
        revoked_at: at("revoked_at")?,
    })
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[ADD, BY_HASH, LIST, USED, REVOKE, REVOKE_OF, FORGET];

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

    async fn store(database: &Database) -> Store {
        let place = match database.url().strip_prefix("sqlite:") {
            Some(path) => DatabaseUrl::Sqlite(path.into()),
            None => DatabaseUrl::Postgres(database.url().to_owned()),
        };
        Store::connect(&place).await.unwrap()
    }

    #[tokio::test]
    async fn a_token_is_found_by_its_secret_until_it_is_forgotten() {
        let database = Database::fresh().await;
        let store = store(&database).await;
        let random = Random::seeded(1);
        let blog = token("blog", &random, NOW);
        assert!(store.add_api_token(&blog).await.unwrap());
        assert!(
            !store
                .add_api_token(&token("blog", &random, NOW))
                .await
                .unwrap()
        );
        let found = store.api_token(&blog.secret).await.unwrap().unwrap();
        assert_eq!((&found.name, &found.scopes), (&blog.name, &blog.scopes));
        let other = TokenSecret::new(&random);
        assert!(store.api_token(&other).await.unwrap().is_none());

        assert!(store.revoke_api_token(&blog.id, NOW).await.unwrap());
        assert!(!store.revoke_api_token(&blog.id, NOW).await.unwrap());
        let found = store.api_token(&blog.secret).await.unwrap().unwrap();
        assert_eq!(found.validity(NOW), Validity::Revoked);
        assert!(
            store
                .add_api_token(&token("blog", &random, NOW))
                .await
                .unwrap(),
            "its name is free"
        );
        store.purge_api_tokens(NOW).await.unwrap();
        assert_eq!(store.api_tokens().await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn that_it_is_used_is_written_once_a_minute() {
        let database = Database::fresh().await;
        let store = store(&database).await;
        let blog = token("blog", &Random::seeded(1), NOW);
        store.add_api_token(&blog).await.unwrap();
        let mut noted = Vec::new();
        for seconds in [1, 30, 60, 61, 100] {
            let now = NOW.plus(Duration::from_secs(seconds));
            let found = store.api_token(&blog.secret).await.unwrap().unwrap();
            store.touch_api_token(&found, now).await.unwrap();
            let found = store.api_token(&blog.secret).await.unwrap().unwrap();
            noted.push(found.last_used_at.unwrap().since(NOW).as_secs());
        }
        assert_eq!(noted, [1, 1, 1, 61, 61]);
    }
}
