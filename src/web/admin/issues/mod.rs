//! Issues that are being sent or were sent.

pub mod counts_view;
pub mod deliveries;
pub mod list;
pub mod progress_stream;
pub mod progress_view;
pub mod show;
pub mod view;
