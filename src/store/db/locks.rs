//! Row locks that serialize transactions, and the order in which all row locks are taken.
//!
//! A transaction takes the row locks that it needs in this order:
//! 1. [`RECIPIENTS_LOCK`],
//! 2. the row of the issue in `issue_fan_outs`,
//! 3. the row of the issue in `issues` (several issues: by id),
//! 4. rows of `deliveries` and `subscribers`,
//! 5. [`SUPPRESSION_LOCK`].
//!
//! Between `deliveries` and `subscribers` there is no fixed order: an unsubscribe starts with the
//! subscriber, a commit of results with the delivery. PostgreSQL detects a deadlock between them,
//! and [`with_retry`](crate::store::db::transaction::with_retry) repeats the aborted transaction.
//! On SQLite write transactions run one at a time, so that all of this concerns PostgreSQL only:
//! there each statement reads a snapshot taken at its start (read committed) and does not see the
//! uncommitted rows of other transactions.

/// Serializes freeze, fan-out and requeue with unsubscribe, pause, erasure and address change,
/// so that no delivery is inserted for a stale recipient.
pub(crate) const RECIPIENTS_LOCK: &str = "INSERT INTO metadata (name, value) VALUES ('freezing', '') ON CONFLICT (name) DO UPDATE SET value = ''";

/// Serializes suppression and fan-out, so that the later of the two sees the other's rows.
///
/// Both take it last. Suppression cannot take [`RECIPIENTS_LOCK`] instead: transactions that
/// hold that lock wait for deliveries that are being committed, which would be a deadlock.
pub(crate) const SUPPRESSION_LOCK: &str = "INSERT INTO metadata (name, value) VALUES ('suppressing', '') ON CONFLICT (name) DO UPDATE SET value = ''";

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[RECIPIENTS_LOCK, SUPPRESSION_LOCK];
