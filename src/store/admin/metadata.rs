//! Single values of the installation, by name.

use crate::domain::clock::Timestamp;
use crate::store::db::connect::Store;
use crate::store::error::{StoreError, decode};

const GET: &str = "SELECT value FROM metadata WHERE name = $1";
/// Stores a value unless the name has one.
const SET_ONCE: &str =
    "INSERT INTO metadata (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const SET: &str = "INSERT INTO metadata (name, value) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

const KEY_FINGERPRINT: &str = "secret_key_fingerprint";
/// The time when the schedule was first stored, a line feed, and the schedule.
const SCHEDULE: &str = "schedule";
const LAST_SLOT: &str = "schedule_settled_at";
const ALERTS_SINCE: &str = "alerts_since";
const SMTP_SERVER: &str = "smtp_spoke";
const FORM_SEEN_AT: &str = "form_seen_at";
const UNTRUSTED_PROXY: &str = "untrusted_proxy";

impl Store {
    /// Returns the fingerprint of the secret key that this database's links are signed with.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn key_fingerprint(&self) -> Result<Option<String>, StoreError> {
        self.metadata(KEY_FINGERPRINT).await
    }

    /// Stores the fingerprint unless one is stored, and returns the stored one.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails.
    pub async fn claim_key_fingerprint(&self, fingerprint: &str) -> Result<String, StoreError> {
        self.set_metadata(SET_ONCE, KEY_FINGERPRINT, fingerprint)
            .await?;
        Ok(self.metadata(KEY_FINGERPRINT).await?.unwrap_or_default())
    }

    /// Replaces the fingerprint after a key rotation. The new key must verify links of the
    /// old one.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn replace_key_fingerprint(&self, fingerprint: &str) -> Result<(), StoreError> {
        self.set_metadata(SET, KEY_FINGERPRINT, fingerprint).await
    }

    /// Returns when `schedule` (cron expression and time zone) was first stored.
    ///
    /// Earlier slots do not count as missed. A schedule that differs from the stored one
    /// replaces it, with the time `now`.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if
    /// the stored time cannot be parsed.
    pub async fn schedule_set_at(
        &self,
        schedule: &str,
        now: Timestamp,
    ) -> Result<Timestamp, StoreError> {
        let new = format!("{}\n{schedule}", now.as_millis());
        self.set_metadata(SET_ONCE, SCHEDULE, &new).await?;
        let stored = self.metadata(SCHEDULE).await?;
        let stored = stored.unwrap_or_else(|| new.clone());
        match stored.split_once('\n') {
            Some((at, text)) if text == schedule => {
                let millis = decode(SCHEDULE, at.to_owned(), str::parse)?;
                Ok(Timestamp::from_millis(millis))
            }
            _ => {
                self.set_metadata(SET, SCHEDULE, &new).await?;
                Ok(now)
            }
        }
    }

    /// Returns the time of the last slot that was processed: sent, without news, or missed.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// the stored time cannot be parsed.
    pub async fn last_slot(&self) -> Result<Option<Timestamp>, StoreError> {
        self.timestamp(LAST_SLOT).await
    }

    /// Records that the slot at `at` was processed.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn set_last_slot(&self, at: Timestamp) -> Result<(), StoreError> {
        self.set_timestamp(SET, LAST_SLOT, at).await
    }

    /// Returns since when alerts are raised, and stores `now` on the first call.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if
    /// the stored time cannot be parsed.
    pub async fn alerts_since(&self, now: Timestamp) -> Result<Timestamp, StoreError> {
        self.set_timestamp(SET_ONCE, ALERTS_SINCE, now).await?;
        Ok(self.timestamp(ALERTS_SINCE).await?.unwrap_or(now))
    }

    /// Records that the SMTP server `server` accepted a message.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn record_smtp_success(&self, server: &str) -> Result<(), StoreError> {
        self.set_metadata(SET, SMTP_SERVER, server).await
    }

    /// Returns whether `server` is the last server that [`Self::record_smtp_success`] recorded.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn has_smtp_success(&self, server: &str) -> Result<bool, StoreError> {
        Ok(self.metadata(SMTP_SERVER).await?.as_deref() == Some(server))
    }

    /// Records the first visit of the sign-up form that was embedded in another site.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn record_form_seen(&self, now: Timestamp) -> Result<(), StoreError> {
        self.set_timestamp(SET_ONCE, FORM_SEEN_AT, now).await
    }

    /// Returns the time that [`Self::record_form_seen`] recorded first.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if
    /// the stored time cannot be parsed.
    pub async fn form_seen_at(&self) -> Result<Option<Timestamp>, StoreError> {
        self.timestamp(FORM_SEEN_AT).await
    }

    /// Records the address of a proxy that named a client without being trusted.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn record_untrusted_proxy(&self, peer: &str) -> Result<(), StoreError> {
        self.set_metadata(SET, UNTRUSTED_PROXY, peer).await
    }

    /// Returns the address that [`Self::record_untrusted_proxy`] recorded last.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn untrusted_proxy(&self) -> Result<Option<String>, StoreError> {
        self.metadata(UNTRUSTED_PROXY).await
    }

    async fn metadata(&self, name: &str) -> Result<Option<String>, StoreError> {
        let query = sqlx::query_scalar(GET).bind(name);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    async fn set_metadata(
        &self,
        statement: &'static str,
        name: &str,
        value: &str,
    ) -> Result<(), StoreError> {
        let query = sqlx::query(statement).bind(name).bind(value);
        query.execute(&self.pool).await?;
        Ok(())
    }

    async fn timestamp(&self, name: &'static str) -> Result<Option<Timestamp>, StoreError> {
        let Some(text) = self.metadata(name).await? else {
            return Ok(None);
        };
        let millis = decode(name, text, str::parse)?;
        Ok(Some(Timestamp::from_millis(millis)))
    }

    async fn set_timestamp(
        &self,
        statement: &'static str,
        name: &str,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let millis = at.as_millis().to_string();
        self.set_metadata(statement, name, &millis).await
    }
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[GET, SET_ONCE, SET];
