//! The whole suite is one binary: one link, and every test shares the same support.
//!
//! `tests/run` runs it twice, on SQLite and on PostgreSQL.

mod house;
mod schedule;
mod stories;
mod support;
