//! The two databases and the statements that differ between them.

/// The database that a store uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    /// A file, opened by this process.
    Sqlite,
    /// A server.
    Postgres,
}

impl Backend {
    /// Returns the variant of a statement for this database: SQLite first, PostgreSQL second.
    pub const fn select(self, statements: &[&'static str; 2]) -> &'static str {
        match self {
            Self::Sqlite => statements[0],
            Self::Postgres => statements[1],
        }
    }
}
