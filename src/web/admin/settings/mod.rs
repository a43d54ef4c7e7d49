//! `/admin/settings`: settings that can be changed in the admin UI, and API tokens.

pub(crate) mod page;
pub(crate) mod save;
pub mod service;
pub(crate) mod smtp_form;
pub(crate) mod tab;
pub(crate) mod token_view;
pub(crate) mod tokens;
pub(crate) mod view;
pub(crate) mod weekly_cron;
