//! The delivery queue: workers, leases, and the group commit of results.

pub(crate) mod commit;
pub(crate) mod commit_rows;
pub(crate) mod lease;
pub(crate) mod workers;
