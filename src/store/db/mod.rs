//! Connections, transactions, row locks and batches on SQLite and PostgreSQL.

pub(crate) mod backend;
pub(crate) mod batch;
pub(crate) mod codec;
pub(crate) mod connect;
pub(crate) mod locks;
pub(crate) mod migrations;
pub(crate) mod transaction;
pub(crate) mod writer;
