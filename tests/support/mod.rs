//! Test support: databases, a feed server, an SMTP server, HTTP clients, and the binary.

pub mod admin_client;
pub mod api_client;
pub mod app;
pub mod blog;
pub mod database;
pub mod http_client;
pub mod newsletter;
pub mod postgres;
pub mod process;
pub mod smtp_server;
mod smtp_session;
pub mod weekly_scenario;
