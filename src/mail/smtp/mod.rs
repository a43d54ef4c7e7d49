//! SMTP client (RFC 5321): one connection, driven phase by phase.
//!
//! The phases are separate, so that an error before the final dot (not received) is never
//! confused with one after it (in doubt).
//!
//! From lettre come the commands except HELO, which it lacks, the parameters of MAIL FROM,
//! the EHLO name, and authentication (credentials and SASL).
//!
//! Stream, timeouts, order of commands and classification are implemented here, because
//! lettre's connection has no read timeout, hides the phase that failed, does not use
//! PIPELINING, fails if a server only knows HELO, reads lines of any length into memory, and
//! keeps bytes that were injected before the STARTTLS handshake.
//!
//! Three more parts of lettre are not used: `Response` with its `Code` cannot represent
//! every reply (`199`, `999`), and each reply needs an outcome; `ServerInfo` drops
//! PIPELINING and SIZE; and its LOGIN challenges are matched by wording, which varies.

mod auth;
mod capabilities;
mod connection;
mod error;
mod handshake;
mod happy_eyeballs;
mod hello_name;
mod reply_parser;
mod server;
mod stream;
mod timeouts;
mod tls;

#[cfg(test)]
pub(super) mod scripted;
#[cfg(test)]
mod tests;

pub use connection::Connection;
pub use hello_name::{HelloName, HelloNameError};
pub use server::{SmtpServer, SmtpServerError};
pub use timeouts::Timeouts;
