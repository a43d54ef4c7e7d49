//! Readers brought from elsewhere: one by one, or as a CSV file.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read;

use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::subscriber::{SubscriberId, SubscriberName, SubscriberNameError};
use crate::store::{ImportRow, ImportTally, StoreError};
use crate::subscription::SubscriptionService;
use crate::subscription::csv_columns::Columns;
use crate::subscription::csv_file::{self, Row};

/// Rows written in one transaction: large enough to be quick, small enough that
/// sign-ups never wait long for it.
const BATCH: usize = 5_000;

/// Why a row was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArrivalError {
    #[error(transparent)]
    Address(#[from] EmailAddressError),
    #[error(transparent)]
    Name(#[from] SubscriberNameError),
    #[error("the row is not UTF-8; save the file as 'CSV UTF-8'")]
    NotText,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// The line of the file, from 1; the headers are line 1.
    pub row: u64,
    pub error: ArrivalError,
}

/// What came of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CsvReport {
    pub tally: ImportTally,
    pub refused: u64,
}

/// How readers are taken in.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// Kept as the consent record.
    pub source: String,
    /// Ask each for confirmation instead of taking them as confirmed elsewhere.
    pub pending: bool,
}

/// The file has no column of addresses.
#[derive(Debug, thiserror::Error)]
pub enum CsvError {
    #[error("no column of addresses: the first line has {}; one of them should be called 'email'", .0.join(", "))]
    NoAddressColumn(Vec<String>),
    #[error("the file cannot be read: {0}")]
    Unreadable(#[from] csv::Error),
    #[error("the first line is not UTF-8; save the file as 'CSV UTF-8'")]
    NotText,
    #[error("the file is empty")]
    Empty,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SubscriptionService {
    /// Takes one reader in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add(
        &self,
        address: EmailAddress,
        name: Option<SubscriberName>,
        how: &ImportOptions,
    ) -> Result<ImportTally, StoreError> {
        let arrival = self.arrival(address, name);
        self.store
            .import(&[arrival], &how.source, how.pending, self.now())
            .await
    }

    /// Reads a CSV file row by row, in flat memory, and takes its readers in. `progress` is
    /// told the bytes read so far and each refused row.
    ///
    /// # Errors
    /// When there is no address column, or the database fails; rows taken in before stay.
    pub async fn import_csv(
        &self,
        file: impl Read,
        how: &ImportOptions,
        progress: impl FnMut(Progress),
    ) -> Result<CsvReport, CsvError> {
        self.read_csv(file, how, &mut Intake::ForGood, progress)
            .await
    }

    /// What [`Self::import_csv`] would do with the file, and nothing done.
    ///
    /// # Errors
    /// As [`Self::import_csv`].
    pub async fn check_csv(
        &self,
        file: impl Read,
        how: &ImportOptions,
        progress: impl FnMut(Progress),
    ) -> Result<CsvReport, CsvError> {
        let mut intake = Intake::OnTrial {
            taken: HashSet::new(),
        };
        self.read_csv(file, how, &mut intake, progress).await
    }

    async fn read_csv(
        &self,
        file: impl Read,
        how: &ImportOptions,
        intake: &mut Intake,
        mut progress: impl FnMut(Progress),
    ) -> Result<CsvReport, CsvError> {
        let mut file = csv_file::open(file)?;
        let Some(first) = file.next()? else {
            return Err(CsvError::Empty);
        };
        let headers = first.fields.as_ref().map_err(|_| CsvError::NotText)?;
        let (columns, is_reader) = Columns::find(headers)?;
        let mut report = CsvReport::default();
        let mut batch = Vec::with_capacity(BATCH);
        let mut next = if is_reader { Some(first) } else { file.next()? };
        while let Some(Row { line, fields }) = next {
            match fields.and_then(|fields| columns.read(&fields)) {
                Ok((address, name)) => batch.push(self.arrival(address, name)),
                Err(error) => {
                    report.refused += 1;
                    progress(Progress::Refused(RefusedRow { row: line, error }));
                    progress(Progress::Read(file.byte()));
                }
            }
            if batch.len() == BATCH {
                let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
                report.tally += self.take_in(full, how, intake).await?;
                progress(Progress::Read(file.byte()));
            }
            next = file.next()?;
        }
        report.tally += self.take_in(batch, how, intake).await?;
        progress(Progress::Read(file.byte()));
        Ok(report)
    }

    async fn take_in(
        &self,
        mut batch: Vec<ImportRow>,
        how: &ImportOptions,
        intake: &mut Intake,
    ) -> Result<ImportTally, StoreError> {
        match intake {
            Intake::ForGood => {
                let (source, now) = (&how.source, self.now());
                self.store.import(&batch, source, how.pending, now).await
            }
            Intake::OnTrial { taken } => {
                let rows = batch.len();
                batch.retain(|arrival| !taken.contains(&fingerprint(arrival)));
                let (mut tally, welcome) = self.store.dry_run(&batch, how.pending).await?;
                taken.extend(welcome.into_iter().map(fingerprint));
                tally.unchanged += (rows - batch.len()) as u64;
                Ok(tally)
            }
        }
    }

    fn arrival(&self, address: EmailAddress, name: Option<SubscriberName>) -> ImportRow {
        ImportRow {
            id: SubscriberId::new(self.now(), &self.random),
            nonce: self.nonce(),
            address_macs: self.address_macs(&address),
            address,
            name,
        }
    }
}

/// What becomes of the rows that are read.
enum Intake {
    ForGood,
    /// Nothing is written, so what would have been is kept in mind by its fingerprint: the
    /// same address may come again.
    OnTrial {
        taken: HashSet<u64>,
    },
}

/// Eight bytes for an address; among a million, two that are the same by chance are one in
/// forty million.
fn fingerprint(arrival: &ImportRow) -> u64 {
    let mut hasher = DefaultHasher::new();
    arrival.address.key().hash(&mut hasher);
    hasher.finish()
}

/// How far an import is.
#[derive(Clone, Debug)]
pub enum Progress {
    /// Bytes of the file.
    Read(u64),
    Refused(RefusedRow),
}
