//! Encodes messages (RFC 5322, RFC 2045); an issue is encoded once.

mod encode;
mod frozen;
mod message;

#[cfg(test)]
mod tests;

pub use encode::quoted_printable_len;
pub use frozen::{FrozenMail, FrozenMailError, Placeholders, Recipient, RecipientError};
pub use message::{ListHeaders, Mail, MessageId};
