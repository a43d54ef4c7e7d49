//! Authentication: sessions, passwords, throttling, and one-time links.

pub mod login_throttle;
pub mod one_time_link;
pub mod same_origin;
pub mod session;
