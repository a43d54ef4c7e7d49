//! Layers and extractors that are shared by the public pages, the admin UI and the API.

pub mod body_limit;
pub mod client_ip;
pub mod headers;
