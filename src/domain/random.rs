//! Randomness as a parameter: seeded in tests, from the operating system elsewhere.

use std::sync::{Mutex, PoisonError};

use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::domain::clock::Timestamp;

/// Shared, cryptographically secure source of random bytes.
pub struct Random(Mutex<StdRng>);

impl std::fmt::Debug for Random {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random")
    }
}

impl Random {
    /// Creates a source that is seeded by the operating system.
    ///
    /// # Errors
    /// Returns the error of the operating system if it provides no random bytes.
    pub fn from_os() -> Result<Self, std::io::Error> {
        StdRng::try_from_rng(&mut SysRng)
            .map(|rng| Self(Mutex::new(rng)))
            .map_err(std::io::Error::other)
    }

    /// Creates a source that returns the same bytes in every run, for tests.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(StdRng::seed_from_u64(seed)))
    }

    /// Returns `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        let mut rng = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rng.fill_bytes(&mut bytes);
        bytes
    }

    /// Returns a UUID version 7 (RFC 9562 §5.7), which sorts by `now`.
    pub fn uuid_v7(&self, now: Timestamp) -> Uuid {
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }
}
