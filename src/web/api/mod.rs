//! HTTP API for other programs: `/api/v1/…` with a token, described by `/api/openapi.json`.
//!
//! [`routes`] lists each operation with the scope that a token needs, and [`auth`] checks it.
//! The operations call the same functions as the admin UI and the commands. Every error is a
//! [`problem::Problem`] (RFC 9457).

mod auth;
mod deliveries;
mod draft;
mod enum_schemas;
mod extract;
mod issues;
mod openapi;
mod problem;
mod response;
mod routes;
mod subscribers;
#[cfg(test)]
mod tests;

pub use routes::routes;
