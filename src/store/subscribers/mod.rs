//! Subscribers, their state, and the tables about them.
//!
//! Every change of a subscriber's state records itself in [`state_log`] in the same
//! transaction. Changes that must not race with the freeze of an issue lock
//! `RECIPIENTS_LOCK` first.

pub(crate) mod address_change;
pub(crate) mod erased_text;
pub(crate) mod filter;
pub(crate) mod former;
pub(crate) mod import;
pub(crate) mod list;
pub(crate) mod record;
pub(crate) mod removal;
pub(crate) mod signup;
pub(crate) mod signup_limits;
pub(crate) mod state_log;
pub(crate) mod status;
pub(crate) mod suppression;
pub(crate) mod suppression_limit;
pub(crate) mod types;

pub use types::Subscriber;
