//! HTTP: the public pages, the admin UI and the API.
//!
//! Text and markup are in `pages/` (Tera templates) and `assets/`. Each page has one view
//! struct next to its handler in [`public`] or [`admin`]; its fields are the variables of the
//! template. [`api`] is the interface for other programs.

pub mod admin;
pub mod api;
pub mod assets;
pub mod auth;
pub mod error;
mod health;
pub mod issue_progress;
pub mod middleware;
pub mod pagination;
pub mod public;
pub mod render;
mod router;
mod server;
mod services;
pub mod state;
#[cfg(test)]
mod tests;
mod upcoming;

pub use admin::subscribers::tasks::BackgroundTasks;
pub use render::site::Site;
pub use router::router;
pub use server::Server;
pub use services::{DnsRecord, RequestPolicy, SendingStatus, Services};
