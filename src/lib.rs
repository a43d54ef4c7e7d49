//! Broadsheet: a weekly newsletter for a blog, in one binary.
//!
//! The way of the data, which is also the order in which to read:
//!
//! ```text
//! reader ─ POST /subscribe ─► subscription ─► confirmation delivery ─┐
//! feeds ─► digest: collect, select, render, publish ─► an issue ─────┤
//!                                                                    ▼
//!                        delivery: enqueue, lease, send, record ─► SMTP
//! ```
//!
//! Everything that is mailed is a row in `deliveries` before it is a connection: no
//! request waits for SMTP, and a crash loses nothing.
//!
//! | room | what is in it |
//! |---|---|
//! | [`cli`] | the commands, one file a noun |
//! | [`app`] | the parts put together: settings, store, mailer and clock into web and workers |
//! | [`config`] | built in → saved at the desk → `broadsheet.toml` → environment, checked and secrets hidden |
//! | [`web`] | the public pages, the desk, its templates and assets, and the API |
//! | [`worker`] | the loops: schedule, alerts, housekeeping |
//! | [`subscription`] | to sign up, confirm, prefer, move, leave; lists in and out |
//! | [`digest`] | from feeds to a frozen issue |
//! | [`delivery`] | from a frozen issue, or a mail to one reader, to an outcome |
//! | [`store`] | SQLite and PostgreSQL, by one SQL text |
//! | [`mail`] | templates, composing, DKIM, SMTP, and what a server's reply means |
//! | [`feeds`] | fetching without harm, and reading RSS, Atom and JSON Feed |
//! | [`domain`] | the words and the decisions, without input or output |
//!
//! Arrows point down, `main → cli → app → {web, worker} → {subscription, digest,
//! delivery} → {store, mail, feeds} → domain`, and `tests/house` holds them there.

pub mod app;
pub mod cli;
pub mod config;
pub mod delivery;
pub mod digest;
pub mod domain;
pub mod feeds;
pub mod mail;
pub mod store;
pub mod subscription;
pub mod web;
pub mod worker;

// The handlers' tests take their databases from where the suite does.
#[cfg(test)]
extern crate self as broadsheet;
#[cfg(test)]
#[path = "../tests/support/database.rs"]
mod test_database;
