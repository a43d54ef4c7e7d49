//! The command line, one file per noun.
//!
//! Results go to standard output, logs and errors to standard error. The exit status is 0
//! if the command is done, 1 if it failed, 2 for wrong usage or settings, and 75 if it is
//! not finished yet.

mod admin;
mod bounce;
mod command_line;
mod config;
mod context;
mod deliveries;
mod demo;
mod digest;
mod dkim;
mod error;
mod feeds;
mod logging;
mod migrate;
mod output;
mod serve;
mod signals;
mod subscribers;
mod templates;

pub use command_line::run;
