//! Login and one-time links.

pub mod form;
pub mod setup;
pub mod view;
