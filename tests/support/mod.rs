//! The world around Broadsheet as tests see it: a database, a blog, an SMTP server, and
//! the real program run as its users run it.

pub mod app;
pub mod blog;
pub mod browser;
pub mod database;
pub mod desk;
pub mod newsletter;
pub mod postgres;
pub mod process;
pub mod program;
pub mod smtp_server;
mod smtp_session;
pub mod weeks;

#[cfg(test)]
mod tests;
