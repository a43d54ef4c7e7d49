//! Password hashing and verification (argon2id, RFC 9106).

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier};
use tokio::sync::Semaphore;

/// Characters that a password must have at least.
pub const MIN_PASSWORD_CHARS: usize = 10;

/// Characters that a password may have at most. Bounds the work of one request.
pub const MAX_PASSWORD_CHARS: usize = 200;

/// Hashes that are computed at the same time. Each uses 19 MiB and a CPU core.
const MAX_CONCURRENT_HASHES: usize = 2;

/// Hash that is verified for an unknown account, so that the response time does not reveal
/// whether an account exists. No password with this hash is known.
const UNKNOWN_ACCOUNT_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGhhcyBpdC4uLg$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password could not be hashed: the stored hash is damaged, or memory is exhausted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a password could not be hashed: {0}")]
pub struct HashError(String);

/// Hashes and verifies passwords on blocking threads, a few at a time.
#[derive(Debug)]
pub struct PasswordHasher {
    permits: Semaphore,
}

impl Default for PasswordHasher {
    fn default() -> Self {
        Self {
            permits: Semaphore::new(MAX_CONCURRENT_HASHES),
        }
    }
}

impl PasswordHasher {
    /// Returns the argon2id hash of `password` in PHC string format, with the parameters
    /// that OWASP recommends (m=19456, t=2, p=1).
    ///
    /// # Errors
    /// Returns [`HashError`] if the hash cannot be computed.
    pub async fn hash(&self, password: &str, salt: [u8; 16]) -> Result<String, HashError> {
        let password = password.to_owned();
        self.run_blocking(move || {
            let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
            hash.map(|hash| hash.to_string())
                .map_err(|error| HashError(error.to_string()))
        })
        .await
    }

    /// Returns whether `password` has the hash `hash`. Without a hash it does the same work
    /// and returns `false`.
    ///
    /// # Errors
    /// Returns [`HashError`] if `hash` is damaged or the hash cannot be computed.
    pub async fn verify(&self, password: &str, hash: Option<&str>) -> Result<bool, HashError> {
        let password = password.to_owned();
        let is_known = hash.is_some();
        let hash = hash.unwrap_or(UNKNOWN_ACCOUNT_HASH).to_owned();
        self.run_blocking(move || {
            use argon2::password_hash::Error::PasswordInvalid;
            let hash = PasswordHash::new(&hash).map_err(|error| HashError(error.to_string()))?;
            match Argon2::default().verify_password(password.as_bytes(), &hash) {
                Ok(()) => Ok(is_known),
                Err(PasswordInvalid) => Ok(false),
                Err(error) => Err(HashError(error.to_string())),
            }
        })
        .await
    }

    async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let failed = |error: &dyn std::error::Error| HashError(error.to_string());
        let _permit = self
            .permits
            .acquire()
            .await
            .map_err(|error| failed(&error))?;
        let result = tokio::task::spawn_blocking(work).await;
        result.map_err(|error| failed(&error))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn verify_accepts_only_the_hashed_password() {
        let hasher = PasswordHasher::default();

        let hash = hasher.hash("correct horse", [7; 16]).await.unwrap();

        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        assert_eq!(hasher.verify("correct horse", Some(&hash)).await, Ok(true));
        assert_eq!(hasher.verify("correct horsf", Some(&hash)).await, Ok(false));
        assert!(hasher.verify("x", Some("damaged")).await.is_err());
    }

    #[tokio::test]
    async fn verify_without_hash_does_the_same_work() {
        let hasher = PasswordHasher::default();

        let own = hasher.hash("x", [7; 16]).await.unwrap();

        assert_eq!(hasher.verify("x", None).await, Ok(false));
        let cost = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(cost(UNKNOWN_ACCOUNT_HASH), cost(&own));
        assert_eq!(UNKNOWN_ACCOUNT_HASH.len(), own.len());
    }
}
