//! The subscriber list.

pub mod bulk;
pub mod export;
pub mod import;
pub mod list;
pub mod list_query;
pub mod show;
pub mod source;
pub mod tasks;
pub mod upload;
pub mod view;
