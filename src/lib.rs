//! Broadsheet: a weekly newsletter for a blog, in one binary.
//!
//! The flow of the data, which is also a good order for reading the code:
//!
//! ```text
//! POST /subscribe ─► subscription ─► confirmation delivery ─┐
//! feeds ─► digest: collect, select, draft, freeze ─► issue ─┤
//!                                                           ▼
//!         delivery: claim lease, compose, send, commit ─► SMTP server
//! ```
//!
//! Every message is a row in `deliveries` before a connection is opened: no request waits
//! for SMTP, and a crash loses nothing.
//!
//! | module | contents |
//! |---|---|
//! | [`cli`] | the commands, one file per noun |
//! | [`app`] | builds web server and workers from settings, store, mailer and clock |
//! | [`config`] | settings: defaults, database, `broadsheet.toml`, environment |
//! | [`web`] | public pages, admin UI, assets and API |
//! | [`worker`] | background loops: schedule, alerts, housekeeping |
//! | [`subscription`] | sign-up, confirmation, preferences, unsubscribe, import and export |
//! | [`digest`] | from feeds to a frozen issue |
//! | [`delivery`] | from a queued delivery to its outcome |
//! | [`reports`] | bounce and complaint reports that arrive by mail |
//! | [`store`] | SQL for SQLite and PostgreSQL |
//! | [`mail`] | templates, composing, DKIM, SMTP client |
//! | [`feeds`] | fetching and parsing RSS, Atom and JSON Feed |
//! | [`domain`] | types and rules without I/O |
//!
//! Imports point down: `main → cli → app → {web, worker} → {subscription, digest,
//! delivery, reports} → {store, mail, feeds, config} → domain`. A test in
//! `tests/architecture` enforces this.

/// Marks a step at which a test can end the process, or make the function return early.
///
/// Does nothing without the feature `failpoints`, so that neither the steps nor the crate
/// `fail` are part of a release.
macro_rules! fail_point {
    ($name:literal $(, $early_return:expr)?) => {
        #[cfg(feature = "failpoints")]
        fail::fail_point!($name $(, $early_return)?);
    };
}

pub mod app;
pub mod cli;
pub mod config;
pub mod delivery;
pub mod digest;
pub mod domain;
pub mod feeds;
pub mod mail;
pub mod reports;
pub mod store;
pub mod subscription;
pub mod web;
pub mod worker;

// The test database helper, which the integration tests share, imports this crate by name.
#[cfg(test)]
extern crate self as broadsheet;
#[cfg(test)]
#[path = "../tests/support/database.rs"]
mod test_database;
