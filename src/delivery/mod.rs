//! Delivery engine: turns queued delivery rows into recorded results.
//!
//! ```text
//! fan-out ── inserts one delivery per subscriber ──► store
//! producer ── claims batches ahead ──► dispatchers (at most smtp.connections)
//!                                        │  ▲
//!             result, next send intent   ▼  │ may send now
//!                                      recorder ── one group commit ──► store
//! ```
//!
//! A dispatcher starts its next message only after the commit that records the previous
//! result and marks the next delivery as `sending`. A crash therefore leaves at most one
//! message per connection in doubt, and no transaction is open during SMTP.

mod batch_size;
mod circuit_breaker;
mod compose;
mod concurrency;
mod dispatcher;
mod disposition;
mod engine;
mod heartbeat;
mod last_reply;
mod outcome;
mod policy_rejections;
mod producer;
mod rate_limiter;
mod recorder;
mod service;

pub use engine::Engine;
pub use service::{DeliveryService, DeliverySettings};
