//! Single things worth remembering: the key's fingerprint, when the schedule was set.

use crate::domain::clock::Timestamp;
use crate::store::{Store, StoreError};

const GET: &str = "SELECT value FROM metadata WHERE name = $1";
const SET_ONCE: &str =
    "INSERT INTO metadata (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const SET: &str = "INSERT INTO metadata (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

const KEY_FINGERPRINT: &str = "secret_key_fingerprint";
const SCHEDULE: &str = "schedule";
const SETTLED: &str = "schedule_settled_at";
const ALERTS_SINCE: &str = "alerts_since";
const SPOKE: &str = "smtp_spoke";
const FORM_SEEN: &str = "form_seen_at";

impl Store {
    async fn metadata(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar(GET)
            .bind(name.to_owned())
            .fetch_optional(&self.pool)
            .await?)
    }

    async fn set_fact(
        &self,
        statement: &'static str,
        name: &str,
        value: String,
    ) -> Result<(), StoreError> {
        sqlx::query(statement)
            .bind(name.to_owned())
            .bind(value)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The fingerprint of the key that this database's links were made with.
    pub async fn key_fingerprint(&self) -> Result<Option<String>, StoreError> {
        self.metadata(KEY_FINGERPRINT).await
    }

    /// Keeps the first fingerprint and gives back the one that is kept.
    pub async fn claim_key_fingerprint(&self, fingerprint: &str) -> Result<String, StoreError> {
        self.set_fact(SET_ONCE, KEY_FINGERPRINT, fingerprint.to_owned())
            .await?;
        Ok(self.metadata(KEY_FINGERPRINT).await?.unwrap_or_default())
    }

    /// Moves on to a newer key that also knows the old one.
    pub async fn replace_key_fingerprint(&self, fingerprint: &str) -> Result<(), StoreError> {
        self.set_fact(SET, KEY_FINGERPRINT, fingerprint.to_owned())
            .await
    }

    /// When the schedule that is in force was first seen. Another cron line or zone
    /// counts as set `now`: slots before that are nobody's promise.
    pub async fn schedule_set_at(
        &self,
        schedule: &str,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let fresh = format!("{}\n{schedule}", now.as_millis());
        self.set_fact(SET_ONCE, SCHEDULE, fresh.clone()).await?;
        let kept = self
            .metadata(SCHEDULE)
            .await?
            .unwrap_or_else(|| fresh.clone());
        match kept.split_once('\n') {
            Some((at, text)) if text == schedule => {
                at.parse()
                    .map(Timestamp::from_millis)
                    .map_err(|_| StoreError::Corrupt {
                        what: "schedule",
                        value: kept.clone(),
                    })
            }
            _ => {
                self.set_fact(SET, SCHEDULE, fresh).await?;
                Ok(now)
            }
        }
    }

    /// The latest scheduled instant that was dealt with: sent, nothing new, or missed.
    pub async fn last_slot(&self) -> Result<Option<Timestamp>, StoreError> {
        self.moment(SETTLED).await
    }

    pub async fn set_last_slot(&self, at: Timestamp) -> Result<(), StoreError> {
        self.set_fact(SET, SETTLED, at.as_millis().to_string())
            .await
    }

    /// Since when someone is told of what happens: `now` when it was nobody's before.
    pub async fn alerts_since(&self, now: Timestamp) -> Result<Timestamp, StoreError> {
        self.set_fact(SET_ONCE, ALERTS_SINCE, now.as_millis().to_string())
            .await?;
        Ok(self.moment(ALERTS_SINCE).await?.unwrap_or(now))
    }

    /// Remembers that a mail server took a mail.
    pub async fn record_smtp_success(&self, server: &str) -> Result<(), StoreError> {
        self.set_fact(SET, SPOKE, server.to_owned()).await
    }

    /// Whether it was this one that took a mail when last asked to.
    pub async fn has_smtp_success(&self, server: &str) -> Result<bool, StoreError> {
        Ok(self.metadata(SPOKE).await?.as_deref() == Some(server))
    }

    /// Remembers when somebody first came to the form from another site.
    pub async fn record_form_seen(&self, now: Timestamp) -> Result<(), StoreError> {
        self.set_fact(SET_ONCE, FORM_SEEN, now.as_millis().to_string())
            .await
    }

    pub async fn form_seen_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.moment(FORM_SEEN).await
    }

    async fn moment(&self, name: &'static str) -> Result<Option<Timestamp>, StoreError> {
        let Some(text) = self.metadata(name).await? else {
            return Ok(None);
        };
        let at = text.parse().map_err(|_| StoreError::Corrupt {
            what: name,
            value: text,
        })?;
        Ok(Some(Timestamp::from_millis(at)))
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[GET, SET_ONCE, SET];
