//! Issues: drafts, freezing, fan-out of deliveries, states and counts.

pub(crate) mod counts;
pub(crate) mod drafts;
pub(crate) mod fanout;
pub(crate) mod freeze;
pub(crate) mod list;
pub(crate) mod lost_replies;
pub(crate) mod policy_rejections;
pub(crate) mod skipped;
pub(crate) mod state;
