//! The next issue: edit, preview, test, send, skip.

pub mod action;
pub mod edit;
pub mod page;
pub mod post;
pub mod preview;
pub mod send;
pub mod skip;
pub mod view;
