//! End-to-end tests of the binary, on SQLite or on PostgreSQL as the test run requests.

mod alerts;
mod api;
mod cancel;
mod config_errors;
mod connection_drops;
mod crashes;
mod data_requests;
mod digest_send;
mod editing;
mod enumeration;
#[cfg(feature = "failpoints")]
mod failpoints;
mod feeds;
mod import_export;
mod issue_actions;
mod issue_progress;
mod log_format;
mod message_format;
mod outages;
mod settings;
mod sink;
mod smtp_auth_failures;
mod smtp_failures;
mod smtp_policy;
mod smtp_settings;
mod soak;
mod subscriber_lifecycle;
