//! The next issue: edit, preview, test, review, send and skip it.

pub(crate) mod action;
pub(crate) mod edit;
pub(crate) mod page;
pub(crate) mod post;
pub(crate) mod preview;
pub(crate) mod send;
pub(crate) mod skip;
pub(crate) mod view;
