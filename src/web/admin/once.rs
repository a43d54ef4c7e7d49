//! What came of a change, kept for the one page after it: too much for a word in its
//! address, and not to be made again by a reload. It ends with the process.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::clock::Timestamp;
use crate::web::admin::board::TestMailResult;
use crate::web::admin::views::{MadeToken, NewLink};

/// Longer than any redirect takes.
const WAITS: Duration = Duration::from_secs(60);

#[derive(Default)]
pub struct Results {
    pub links: Flash<NewLink>,
    pub tries: Flash<Try>,
    pub tokens: Flash<MadeToken>,
    /// How many tokens were revoked with what their maker was.
    pub revoked: Flash<usize>,
}

/// A mail that was sent to see whether mail leaves.
pub struct Try {
    pub to: String,
    pub came: TestMailResult,
}

/// Not shown: there are keys to the desk in it.
impl std::fmt::Debug for Results {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Results(…)")
    }
}

/// One for each session: the newest.
pub struct Flash<T>(Mutex<HashMap<String, (Timestamp, T)>>);

impl<T> Default for Flash<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Flash<T> {
    /// Keeps it, and lets go of what nobody came for.
    pub fn keep(&self, session: &str, result: T, now: Timestamp) {
        let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        results.retain(|_, (at, _)| now.since(*at) < WAITS);
        results.insert(session.to_owned(), (now, result));
    }

    /// Whether one waits for this session that `is` so.
    pub fn waits(&self, session: &str, now: Timestamp, is: impl FnOnce(&T) -> bool) -> bool {
        let results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let result = results.get(session);
        result.is_some_and(|(at, result)| now.since(*at) < WAITS && is(result))
    }

    pub fn take(&self, session: &str, now: Timestamp) -> Option<T> {
        let mut results = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, result) = results.remove(session)?;
        (now.since(at) < WAITS).then_some(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_its_sessions_and_is_shown_once_and_soon() {
        let now = Timestamp::from_millis(1_795_168_800_000);
        let once = Flash::default();
        once.keep("ada", 1, now);
        assert_eq!(once.take("eve", now), None);
        assert_eq!(
            (once.take("ada", now), once.take("ada", now)),
            (Some(1), None)
        );
        once.keep("ada", 2, now);
        assert_eq!(once.take("ada", now.plus(WAITS)), None);
        once.keep("ada", 3, now);
        once.keep("eve", 4, now.plus(WAITS));
        assert_eq!(once.0.lock().unwrap().len(), 1);
    }
}
