//! Admin UI: routes, access control, and one module per page.

pub(crate) mod access;
pub(crate) mod accounts;
pub(crate) mod current_user;
pub(crate) mod draft;
pub(crate) mod feeds;
pub(crate) mod flash;
pub(crate) mod flash_results;
pub(crate) mod form;
pub(crate) mod growth_chart;
pub(crate) mod issues;
pub(crate) mod layout;
pub(crate) mod login;
pub(crate) mod outbox;
pub(crate) mod overview;
pub(crate) mod response;
pub(crate) mod routes;
pub mod settings;
pub(crate) mod subscribers;
#[cfg(test)]
mod tests;

pub use routes::{routes, uploads};
