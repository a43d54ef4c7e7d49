//! The subscriber list: search, single subscribers, bulk actions, import and export.

pub(crate) mod bulk;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod list_query;
pub(crate) mod show;
pub(crate) mod source;
pub(crate) mod task_registry;
pub(crate) mod tasks;
pub(crate) mod temp_upload;
pub(crate) mod upload;
pub(crate) mod view;
