//! Import of subscribers from another tool: one at a time, or from a CSV file.

mod columns;
mod csv_reader;
mod dates;
mod error;
mod fold;
mod pasted;
mod row_reader;
mod tools;

use std::collections::{HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;

use csv::StringRecord;

use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::{SubscriberId, SubscriberName, SubscriberState};
use crate::store::{ImportRecord, ImportRow, ImportState, ImportTally, StoreError};
use crate::subscription::SubscriptionService;
use crate::subscription::import::columns::Columns;
use crate::subscription::import::csv_reader::{Row, open_csv};
use crate::subscription::import::row_reader::{ParsedRow, parse_row};
pub use error::{ImportError, RowError};
pub use pasted::pasted_to_csv;

/// Number of rows written in one transaction.
///
/// Large enough that the cost of a commit does not matter, small enough that concurrent
/// sign-ups wait for the write lock for a fraction of a second only.
const BATCH_SIZE: usize = 5_000;

/// Number of rows that are read to find out what the columns contain.
const SAMPLE_ROWS: usize = 20;

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
    /// Number of lines of the file, the headers included.
    pub lines: u64,
}

/// How subscribers are imported.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Where the subscribers come from. Stored as the consent record.
    pub source: String,
    /// The state that the importer states for the whole list: confirmed, pending with a
    /// confirmation mail, unsubscribed or suppressed. `None`: as the list says, and confirmed
    /// if it says nothing.
    pub state: Option<SubscriberState>,
    /// Whether a source that the list names for a subscriber is stored instead of `source`.
    pub prefers_file_source: bool,
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
        let state = match options.state {
            None | Some(SubscriberState::Confirmed) => ImportState::Agreed,
            Some(SubscriberState::Pending) => ImportState::Ask,
            Some(SubscriberState::Unsubscribed) => ImportState::Unsubscribed,
            Some(SubscriberState::Suppressed) => ImportState::Suppressed,
        };
        let row = self.new_import_row(ParsedRow {
            address,
            name,
            state,
            record: ImportRecord::default(),
        });
        self.store.import(&[row], &options.source, self.now()).await
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
        let mut rows = VecDeque::new();
        while rows.len() < SAMPLE_ROWS
            && let Some(row) = reader.read_row()?
        {
            rows.push_back(row);
        }
        let headers = first.fields.as_ref().map_err(|_| ImportError::NotUtf8)?;
        let samples: Vec<&StringRecord> = rows
            .iter()
            .filter_map(|row| row.fields.as_ref().ok())
            .collect();
        let (columns, first_is_subscriber) = Columns::detect(headers, &samples)?;
        if first_is_subscriber {
            rows.push_front(first);
        }
        let mut report = ImportReport::default();
        let mut batch = Vec::with_capacity(BATCH_SIZE);
        while let Some(Row { line, fields }) = match rows.pop_front() {
            Some(row) => Some(row),
            None => reader.read_row()?,
        } {
            match fields.and_then(|fields| parse_row(&columns, &fields, options.state)) {
                Ok(mut row) => {
                    if !options.prefers_file_source {
                        row.record.source = None;
                    }
                    batch.push(self.new_import_row(row));
                }
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
        }
        report.tally += self.process_batch(batch, options, mode).await?;
        report.lines = reader.line_count();
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
            ImportMode::Write => self.store.import(&rows, &options.source, self.now()).await,
            ImportMode::DryRun { imported } => {
                let row_count = rows.len();
                rows.retain(|row| !imported.contains(&fingerprint(row)));
                let (mut tally, accepted) = self.store.dry_run(&rows).await?;
                imported.extend(accepted.into_iter().map(fingerprint));
                tally.unchanged += (row_count - rows.len()) as u64;
                Ok(tally)
            }
        }
    }

    fn new_import_row(&self, row: ParsedRow) -> ImportRow {
        ImportRow {
            id: SubscriberId::new(self.now(), &self.random),
            nonce: self.nonce(),
            address_macs: self.address_macs(&row.address),
            address: row.address,
            name: row.name,
            state: row.state,
            record: row.record,
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
