//! Authentication: sessions, passwords, login throttling and one-time links.

pub mod login_throttle;
pub mod one_time_link;
pub mod password;
pub mod same_origin;
pub mod session;
