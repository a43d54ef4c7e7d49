//! Middleware and extractors shared by the public pages, the admin UI and the API.

pub mod body_limit;
pub mod client_ip;
pub mod error_pages;
pub mod headers;
pub mod request_log;
