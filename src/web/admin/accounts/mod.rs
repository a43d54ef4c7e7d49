//! Accounts: who has access, the own account, and the audit log.

pub mod audit;
pub mod list;
pub mod own;
pub mod view;
