//! The SMTP client (RFC 5321): one connection, driven phase by phase, so that what
//! failed before the final dot and what failed after it are never taken for each other.
//!
//! It is our own down to the socket, since lettre's connection cannot do what is
//! promised here: it has no timeouts, hides the phase that failed, drops PIPELINING,
//! gives up where a server only knows HELO, reads lines of any length into memory, and
//! keeps bytes that came before a STARTTLS handshake.

mod capabilities;
mod connection;
mod error;
mod log_in;
mod opening;
mod reply_reader;
mod server;
mod timeouts;
mod tls;
mod wire;

#[cfg(test)]
pub(super) mod scripted;
#[cfg(test)]
mod tests;

pub use connection::Connection;
pub use server::{HelloName, HelloNameError, SmtpServer, SmtpUrlError, TlsMode};
pub use timeouts::Timeouts;
