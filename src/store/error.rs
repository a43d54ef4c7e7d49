//! The error type of the store.

/// Error of a store operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A statement or the connection failed.
    #[error("database error: {0}")]
    Database(#[source] sqlx::Error),
    /// The database in `database.url` could not be opened.
    #[error("database.url: cannot open {place}: {source}")]
    Open {
        /// The SQLite file, or words for the PostgreSQL server: its URL may contain a password.
        place: String,
        /// The driver's error.
        source: sqlx::Error,
    },
    /// The folder of the SQLite file could not be created, or its lock file not locked.
    #[error("database.url: cannot create the folder {folder}: {source}")]
    Folder {
        /// The folder of the SQLite file.
        folder: String,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// A newer version of the program migrated the database. Contains the unknown migration.
    #[error(
        "the database was upgraded by a newer Broadsheet (this version does not know its migration {0}); run that version"
    )]
    Newer(i64),
    /// An applied migration differs from the embedded one of the same version.
    #[error(
        "migration {0} of the database differs from the one in this Broadsheet; was its file edited?"
    )]
    Edited(i64),
    /// A pre-release version that is too old for an upgrade created the database.
    #[error(
        "the database was created by a pre-release version (its migration {0}); start the last pre-release version once before this one"
    )]
    Prerelease(i64),
    /// A migration failed.
    #[error("upgrading the database failed: {0}")]
    Migration(sqlx::migrate::MigrateError),
    /// A stored value that no version of the program writes.
    #[error("the database contains an invalid {what}: {value}")]
    Corrupt {
        /// The kind of value, for example `address`.
        what: &'static str,
        /// The value as it is stored.
        value: String,
    },
}

impl StoreError {
    /// Returns whether the database cannot be reached, or all connections remain in use.
    pub fn is_unavailable(&self) -> bool {
        use sqlx::Error::{Io, PoolClosed, PoolTimedOut};
        matches!(self, Self::Database(Io(_) | PoolClosed | PoolTimedOut))
    }

    /// Returns whether a stored value is invalid, so that a retry fails the same way.
    pub fn is_corrupt(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }

    /// Returns the error for an operation whose outcome is unknown because its
    /// acknowledgement was lost. Fail points use it.
    pub(crate) fn ack_lost() -> Self {
        Self::Database(sqlx::Error::PoolTimedOut)
    }

    /// Returns whether a concurrent transaction caused the failure, so that a retry may succeed.
    ///
    /// PostgreSQL: deadlock (`40P01`), serialization failure (`40001`), and unique violation
    /// (`23505`) by a row inserted concurrently, which the retry sees. SQLite: `SQLITE_BUSY` (5)
    /// with its extended codes.
    pub(crate) fn is_contention(&self) -> bool {
        let Self::Database(sqlx::Error::Database(error)) = self else {
            return false;
        };
        match error.code().as_deref() {
            Some("40P01" | "40001" | "23505") => true,
            Some(code) => code.parse::<u32>().is_ok_and(|code| code & 0xff == 5),
            None => false,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    /// A column that failed to decode with a [`CorruptValue`] becomes [`StoreError::Corrupt`],
    /// any other error [`StoreError::Database`].
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::ColumnDecode { index, source } => {
                match source.downcast::<CorruptValue>() {
                    Ok(corrupt) => Self::Corrupt {
                        what: corrupt.what,
                        value: corrupt.value,
                    },
                    Err(source) => Self::Database(sqlx::Error::ColumnDecode { index, source }),
                }
            }
            error => Self::Database(error),
        }
    }
}

/// Marks a decoding error as caused by an invalid stored value.
#[derive(Debug, thiserror::Error)]
#[error("invalid {what}")]
pub(crate) struct CorruptValue {
    pub what: &'static str,
    pub value: String,
}

/// Parses a stored text whose type has no column codec, for example a URL or JSON.
///
/// # Errors
/// Returns [`StoreError::Corrupt`] if `parse` fails.
pub(crate) fn decode<T, E>(
    what: &'static str,
    text: String,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, StoreError> {
    parse(&text).map_err(|_| StoreError::Corrupt { what, value: text })
}
