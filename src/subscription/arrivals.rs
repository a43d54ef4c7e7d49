//! Readers brought from elsewhere: one by one, or as a CSV file.

use std::io::Read;

use super::Subscriptions;
use super::csv_file::{self, Row};
use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::subscriber::{SubscriberId, SubscriberName, SubscriberNameError};
use crate::store::{Arrival, ImportTally, StoreError};

/// Rows written in one transaction: large enough to be quick, small enough that
/// sign-ups never wait long for it.
const BATCH: usize = 5_000;

/// How people and programs call the columns, compared without case and punctuation.
const ADDRESS_HEADERS: &[&str] = &[
    "email",
    "emailaddress",
    "mail",
    "address",
    "mailaddress",
    "subscriberemail",
    "emailadresse",
    "adresse",
    "correo",
    "correoelectronico",
    "courriel",
    "adressemail",
    "eposta",
    "epost",
    "emailprimary",
    "primaryemail",
    "useremail",
];
const NAME_HEADERS: &[&str] = &[
    "name",
    "fullname",
    "displayname",
    "firstname",
    "first",
    "givenname",
    "vorname",
    "nombre",
    "prenom",
    "subscribername",
];

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
pub struct TakenIn {
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

impl Subscriptions {
    /// Takes one reader in.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add(
        &self,
        address: EmailAddress,
        name: Option<SubscriberName>,
        how: &TakenIn,
    ) -> Result<ImportTally, StoreError> {
        let arrival = self.arrival(address, name);
        self.store
            .import(&[arrival], &how.source, how.pending, self.now())
            .await
    }

    /// Reads a CSV file row by row, in flat memory. `progress` is told the bytes read so
    /// far and each refused row.
    ///
    /// # Errors
    /// When there is no address column, or the database fails; rows taken in before stay.
    pub async fn import_csv(
        &self,
        file: impl Read,
        how: &TakenIn,
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
                }
            }
            if batch.len() == BATCH {
                report.tally += self.take_in(&batch, how).await?;
                batch.clear();
                progress(Progress::Read(file.byte()));
            }
            next = file.next()?;
        }
        report.tally += self.take_in(&batch, how).await?;
        progress(Progress::Read(file.byte()));
        Ok(report)
    }

    async fn take_in(&self, batch: &[Arrival], how: &TakenIn) -> Result<ImportTally, StoreError> {
        self.store
            .import(batch, &how.source, how.pending, self.now())
            .await
    }

    fn arrival(&self, address: EmailAddress, name: Option<SubscriberName>) -> Arrival {
        Arrival {
            id: SubscriberId::new(self.now(), &self.random),
            nonce: self.nonce(),
            address_macs: self.address_macs(&address),
            address,
            name,
        }
    }
}

/// How far an import is.
#[derive(Clone, Debug)]
pub enum Progress {
    /// Bytes of the file.
    Read(u64),
    Refused(RefusedRow),
}

/// Which fields of a row matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    address: usize,
    name: Option<usize>,
}

impl Columns {
    /// By the names in the first row; a file of bare addresses needs none. True when the
    /// first row is a reader already.
    pub(super) fn find(first: &csv::StringRecord) -> Result<(Self, bool), CsvError> {
        let position = |names: &[&str]| {
            first
                .iter()
                .position(|header| names.contains(&plain(header).as_str()))
        };
        if let Some(address) = position(ADDRESS_HEADERS) {
            return Ok((
                Self {
                    address,
                    name: position(NAME_HEADERS),
                },
                false,
            ));
        }
        match first
            .iter()
            .position(|field| EmailAddress::parse(field).is_ok())
        {
            Some(address) => Ok((
                Self {
                    address,
                    name: None,
                },
                true,
            )),
            None => Err(CsvError::NoAddressColumn(
                first
                    .iter()
                    .map(|header| format!("'{}'", header.trim()))
                    .collect(),
            )),
        }
    }

    fn read(
        self,
        row: &csv::StringRecord,
    ) -> Result<(EmailAddress, Option<SubscriberName>), ArrivalError> {
        let address = EmailAddress::parse(row.get(self.address).unwrap_or_default())?;
        let name = self.name.and_then(|name| row.get(name)).unwrap_or_default();
        Ok((address, SubscriberName::parse(name)?))
    }
}

fn plain(header: &str) -> String {
    let kept = header.chars().filter(|c| c.is_alphanumeric());
    kept.collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(headers: &[&str]) -> Result<(Columns, bool), CsvError> {
        Columns::find(&csv::StringRecord::from(headers.to_vec()))
    }

    #[test]
    fn knows_the_headers_people_have() {
        let found = |headers: &[&str]| columns(headers).unwrap();
        assert_eq!(
            found(&["Name", "E-Mail"]),
            (
                Columns {
                    address: 1,
                    name: Some(0)
                },
                false
            )
        );
        assert_eq!(
            found(&["id", "Email Address", "First Name"]),
            (
                Columns {
                    address: 1,
                    name: Some(2)
                },
                false
            )
        );
        assert_eq!(
            found(&["ada@example.com"]),
            (
                Columns {
                    address: 0,
                    name: None
                },
                true
            )
        );
        assert!(
            matches!(columns(&["id", "phone"]), Err(CsvError::NoAddressColumn(headers)) if headers.len() == 2)
        );
    }
}
