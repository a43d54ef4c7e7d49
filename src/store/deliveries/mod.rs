//! Deliveries: one row for each message to one recipient.

pub(crate) mod enqueue;
pub(crate) mod list;
pub(crate) mod reports;
pub(crate) mod sql;
pub(crate) mod types;
