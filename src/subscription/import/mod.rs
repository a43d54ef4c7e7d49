//! Import of subscribers from another tool: one at a time, or from a CSV file.

mod columns;
mod csv_reader;
mod error;
mod pasted;

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;

use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::{SubscriberId, SubscriberName};
use crate::store::{ImportRow, ImportTally, StoreError};
use crate::subscription::SubscriptionService;
use crate::subscription::import::columns::Columns;
use crate::subscription::import::csv_reader::{Row, open_csv};
pub use error::{ImportError, RowError};
pub use pasted::pasted_to_csv;

/// Number of rows written in one transaction.
///
/// Large enough that the cost of a commit does not matter, small enough that concurrent
/// sign-ups wait for the write lock for a fraction of a second only.
const BATCH_SIZE: usize = 5_000;

/// A row that was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedRow {
    /// Line of the file on which the row starts, from 1; the headers are on line 1.
    pub row: u64,
    /// Reason for the rejection.
    pub error: RowError,
}

/// Result of importing a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Counts of the rows that were valid.
    pub tally: ImportTally,
    /// Number of rejected rows.
    pub rejected: u64,
}

/// How subscribers are imported.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Where the subscribers come from. Stored as the consent record.
    pub source: String,
    /// Whether each subscriber has to confirm by email, instead of being imported as
    /// confirmed.
    pub pending: bool,
}

/// Progress of an import, reported while it runs.
#[derive(Clone, Debug)]
pub enum ImportProgress {
    /// Number of bytes of the file read so far.
    Read(u64),
    /// A row was rejected.
    Rejected(RejectedRow),
}

/// Whether rows are written.
enum ImportMode {
    Write,
    /// Nothing is written. `imported` contains the fingerprints of the addresses that would
    /// have been imported, so that a repeated address is counted as a duplicate.
    DryRun {
        imported: HashSet<u64>,
    },
}

impl SubscriptionService {
    /// Imports one subscriber.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the transaction fails, and [`StoreError::Corrupt`]
    /// if a stored value cannot be parsed.
    pub async fn import_subscriber(
        &self,
        address: EmailAddress,
        name: Option<SubscriberName>,
        options: &ImportOptions,
    ) -> Result<ImportTally, StoreError> {
        let row = self.new_import_row(address, name);
        self.store
            .import(&[row], &options.source, options.pending, self.now())
            .await
    }

    /// Imports the subscribers of a CSV file, row by row, with constant memory use.
    ///
    /// Calls `progress` with the bytes read so far and with each rejected row.
    ///
    /// # Errors
    /// Returns [`ImportError::Empty`], [`ImportError::NotUtf8`] or
    /// [`ImportError::NoAddressColumn`] if the first line is unusable,
    /// [`ImportError::Unreadable`] if the file cannot be read, and [`ImportError::Store`] if
    /// the database fails. Rows of earlier batches stay imported.
    pub async fn import_csv(
        &self,
        file: impl Read,
        options: &ImportOptions,
        progress: impl FnMut(ImportProgress),
    ) -> Result<ImportReport, ImportError> {
        self.process_csv(file, options, &mut ImportMode::Write, progress)
            .await
    }

    /// Returns what [`import_csv`](Self::import_csv) would do, without changing anything.
    ///
    /// # Errors
    /// Same as [`import_csv`](Self::import_csv).
    pub async fn dry_run_csv(
        &self,
        file: impl Read,
        options: &ImportOptions,
        progress: impl FnMut(ImportProgress),
    ) -> Result<ImportReport, ImportError> {
        let mut mode = ImportMode::DryRun {
            imported: HashSet::new(),
        };
        self.process_csv(file, options, &mut mode, progress).await
    }

    async fn process_csv(
        &self,
        file: impl Read,
        options: &ImportOptions,
        mode: &mut ImportMode,
        mut progress: impl FnMut(ImportProgress),
    ) -> Result<ImportReport, ImportError> {
        let mut reader = open_csv(file)?;
        let Some(first) = reader.read_row()? else {
            return Err(ImportError::Empty);
        };
        let headers = first.fields.as_ref().map_err(|_| ImportError::NotUtf8)?;
        let (columns, first_is_subscriber) = Columns::detect(headers)?;
        let mut report = ImportReport::default();
        let mut batch = Vec::with_capacity(BATCH_SIZE);
        let mut next = if first_is_subscriber {
            Some(first)
        } else {
            reader.read_row()?
        };
        while let Some(Row { line, fields }) = next {
            match fields.and_then(|fields| columns.parse_row(&fields)) {
                Ok((address, name)) => batch.push(self.new_import_row(address, name)),
                Err(error) => {
                    report.rejected += 1;
                    progress(ImportProgress::Rejected(RejectedRow { row: line, error }));
                    progress(ImportProgress::Read(reader.bytes_read()));
                }
            }
            if batch.len() == BATCH_SIZE {
                let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH_SIZE));
                report.tally += self.process_batch(full, options, mode).await?;
                progress(ImportProgress::Read(reader.bytes_read()));
            }
            next = reader.read_row()?;
        }
        report.tally += self.process_batch(batch, options, mode).await?;
        progress(ImportProgress::Read(reader.bytes_read()));
        Ok(report)
    }

    async fn process_batch(
        &self,
        mut rows: Vec<ImportRow>,
        options: &ImportOptions,
        mode: &mut ImportMode,
    ) -> Result<ImportTally, StoreError> {
        match mode {
            ImportMode::Write => {
                self.store
                    .import(&rows, &options.source, options.pending, self.now())
                    .await
            }
            ImportMode::DryRun { imported } => {
                let row_count = rows.len();
                rows.retain(|row| !imported.contains(&fingerprint(row)));
                let (mut tally, accepted) = self.store.dry_run(&rows, options.pending).await?;
                imported.extend(accepted.into_iter().map(fingerprint));
                tally.unchanged += (row_count - rows.len()) as u64;
                Ok(tally)
            }
        }
    }

    fn new_import_row(&self, address: EmailAddress, name: Option<SubscriberName>) -> ImportRow {
        ImportRow {
            id: SubscriberId::new(self.now(), &self.random),
            nonce: self.nonce(),
            address_macs: self.address_macs(&address),
            address,
            name,
        }
    }
}

/// Returns a 64-bit hash of an address. It replaces the address to save memory: among a
/// million addresses, the probability of a collision is about 1 in 40 million.
fn fingerprint(row: &ImportRow) -> u64 {
    let mut hasher = DefaultHasher::new();
    row.address.key().hash(&mut hasher);
    hasher.finish()
}
