//! The SMTP client (RFC 5321): one connection, driven phase by phase, so that what
//! failed before the final dot and what failed after it are never taken for each other.
//!
//! The words are lettre's: every command but HELO, which it lacks, the parameters of MAIL,
//! the name to say hello with, and the log-in (credentials and SASL).
//!
//! The conversation is our own, since lettre's connection cannot do what is promised
//! here: it has no timeout while it reads, hides the phase that failed, drops
//! PIPELINING, gives up where a server only knows HELO, reads lines of any length into
//! memory, and keeps bytes that came before a STARTTLS handshake. Hence ours are the
//! stream, the timeouts, the order of things and the verdict on each phase.
//!
//! What of lettre's was left: `Response` and its `Code` cannot hold every reply there is
//! (`199`, `999`), and such a one needs a verdict too; `ServerInfo` drops PIPELINING and
//! SIZE; LOGIN's challenges are not matched, since servers ask in more words than lettre knows.

mod auth;
mod capabilities;
mod connection;
mod error;
mod handshake;
mod happy_eyeballs;
mod reply_parser;
mod server;
mod stream;
mod timeouts;
mod tls;

#[cfg(test)]
mod hangup_tests;
#[cfg(test)]
mod opening_tests;
#[cfg(test)]
pub(super) mod scripted;
#[cfg(test)]
mod tests;

pub use connection::Connection;
pub use server::{HelloName, HelloNameError, SmtpServer, SmtpServerError};
pub use timeouts::Timeouts;
