//! Settings that can be changed in the admin UI.

pub mod page;
pub mod save;
pub mod service;
pub mod smtp_form;
pub mod tab;
pub mod token_view;
pub mod tokens;
pub mod view;
pub mod weekly_cron;
