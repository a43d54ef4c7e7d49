//! Issues that are being sent or were sent: list, progress, recipients and actions.

pub(crate) mod counts_view;
pub(crate) mod deliveries;
pub(crate) mod list;
pub(crate) mod progress_stream;
pub(crate) mod progress_view;
pub(crate) mod show;
pub(crate) mod view;
