//! Builds web server and workers from settings, store, mailer and clock, and runs them.

mod components;
mod context;
mod error;
mod identity;
mod keys;
mod reload;
mod runtime;
mod settings_service;
mod test_mail;

pub use context::{App, fetcher};
pub use error::AppError;
