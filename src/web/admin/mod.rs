//! Admin UI: routes, access control, and one module per page.

pub mod access;
pub mod accounts;
mod current_user;
pub mod draft;
pub mod feeds;
pub mod flash;
pub mod flash_results;
mod form;
pub mod growth_chart;
pub mod issues;
pub mod layout;
pub mod login;
pub mod outbox;
pub mod overview;
mod response;
mod routes;
pub mod settings;
pub mod subscribers;
#[cfg(test)]
mod tests;

pub use routes::{routes, uploads};
