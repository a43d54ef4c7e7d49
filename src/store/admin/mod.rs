//! Tables of the admin UI and of the installation: accounts, sessions, API tokens, settings,
//! audit log, alerts and single values.

pub(crate) mod accounts;
pub(crate) mod alerts;
pub(crate) mod api_tokens;
pub(crate) mod audit;
pub(crate) mod credentials;
pub(crate) mod metadata;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod setup_status;
pub(crate) mod types;
