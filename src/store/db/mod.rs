//! Connections, transactions and batches on SQLite and PostgreSQL.

pub(crate) mod batch;
pub(crate) mod connect;
pub(crate) mod migrations;
pub(crate) mod transaction;
pub(crate) mod writer;
