//! Login, logout and one-time links.

pub(crate) mod form;
pub(crate) mod setup;
pub(crate) mod view;
