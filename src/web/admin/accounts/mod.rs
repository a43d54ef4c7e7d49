//! Accounts: the list of accounts, the user's own account, and the audit log.

pub(crate) mod audit;
pub(crate) mod list;
pub(crate) mod own;
pub(crate) mod view;
