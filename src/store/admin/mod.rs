//! Accounts, sessions, tokens, settings and other tables of the admin UI.

pub(crate) mod accounts;
pub(crate) mod alerts;
pub(crate) mod api_tokens;
pub(crate) mod audit;
pub(crate) mod metadata;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod setup_status;
