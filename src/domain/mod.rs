//! What the words mean: pure types and decisions, no framework, no input or output.

pub mod audit;
pub mod backoff;
pub mod clock;
pub mod delivery;
pub mod edits;
pub mod email_address;
pub mod host_port;
pub mod ids;
pub mod issue;
pub mod outcome;
pub mod pace;
pub mod post;
pub mod public_url;
pub mod random;
pub mod reader_link;
pub mod refusal;
pub mod return_path;
pub mod schedule;
pub mod selector;
pub mod sender;
pub mod slot;
pub mod subscriber;
pub mod token;
pub mod trusted_proxies;
pub mod words;
