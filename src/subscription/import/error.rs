//! Errors of an import: of one row, and of the whole file.

use crate::domain::email_address::EmailAddressError;
use crate::domain::subscriber::SubscriberNameError;
use crate::store::StoreError;

/// Reason why a row was rejected. The other rows of the file are imported.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The email address is invalid.
    #[error(transparent)]
    Address(#[from] EmailAddressError),
    /// The name is invalid.
    #[error(transparent)]
    Name(#[from] SubscriberNameError),
    /// A column of states has a value that is not known.
    #[error(
        "the column '{column}' says '{value}', which is no known state; expected a word like active, unsubscribed, bounced or pending"
    )]
    UnknownState {
        /// The header of the column.
        column: String,
        /// The value.
        value: String,
    },
    /// The row is not valid UTF-8.
    #[error("the row is not UTF-8; save the file as 'CSV UTF-8'")]
    NotUtf8,
}

/// Reason why the import of a file stopped. Rows of earlier batches stay imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// No column has a known header. Contains the headers, in quotes.
    #[error("no email column: the first line has {}; expected a column called 'email'", .0.join(", "))]
    NoAddressColumn(Vec<String>),
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Unreadable(#[from] csv::Error),
    /// The first line is not valid UTF-8.
    #[error("the first line is not UTF-8; save the file as 'CSV UTF-8'")]
    NotUtf8,
    /// The file has no rows.
    #[error("the file is empty")]
    Empty,
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
