//! Detection of the columns that contain the address and the name.

use csv::StringRecord;

use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::SubscriberName;
use crate::subscription::import::error::{ImportError, RowError};

/// Headers of an address column, as spreadsheets and newsletter tools write them. Compared
/// in lower case without punctuation and spaces.
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

/// Headers of a name column, compared like [`ADDRESS_HEADERS`].
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

/// Positions of the columns that are imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    address: usize,
    name: Option<usize>,
}

impl Columns {
    /// Finds the columns by the headers in the first row.
    ///
    /// A file without headers is accepted if its first row contains an address. Returns
    /// `true` in this case: the first row is a subscriber.
    pub(super) fn detect(first_row: &StringRecord) -> Result<(Self, bool), ImportError> {
        let position = |headers: &[&str]| {
            first_row
                .iter()
                .position(|field| headers.contains(&normalize(field).as_str()))
        };
        if let Some(address) = position(ADDRESS_HEADERS) {
            let name = position(NAME_HEADERS);
            return Ok((Self { address, name }, false));
        }
        let address = first_row
            .iter()
            .position(|field| EmailAddress::parse(field).is_ok());
        match address {
            Some(address) => Ok((
                Self {
                    address,
                    name: None,
                },
                true,
            )),
            None => Err(ImportError::NoAddressColumn(
                first_row
                    .iter()
                    .map(|header| format!("'{}'", header.trim()))
                    .collect(),
            )),
        }
    }

    /// Parses the address and the name of a row.
    pub(super) fn parse_row(
        self,
        row: &StringRecord,
    ) -> Result<(EmailAddress, Option<SubscriberName>), RowError> {
        let address = EmailAddress::parse(row.get(self.address).unwrap_or_default())?;
        let name = self.name.and_then(|name| row.get(name)).unwrap_or_default();
        Ok((address, SubscriberName::parse(name)?))
    }
}

fn normalize(header: &str) -> String {
    let letters = header.chars().filter(|c| c.is_alphanumeric());
    letters.collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(row: &[&str]) -> Result<(Columns, bool), ImportError> {
        Columns::detect(&StringRecord::from(row.to_vec()))
    }

    #[test]
    fn columns_are_detected_by_header() {
        let columns = |address, name| Columns { address, name };

        assert_eq!(
            detect(&["Name", "E-Mail"]).unwrap(),
            (columns(1, Some(0)), false)
        );
        assert_eq!(
            detect(&["id", "Email Address", "First Name"]).unwrap(),
            (columns(1, Some(2)), false)
        );
    }

    #[test]
    fn file_without_headers_is_detected_by_address() {
        let (columns, is_subscriber) = detect(&["ada@example.com"]).unwrap();

        assert_eq!((columns.address, columns.name), (0, None));
        assert!(is_subscriber);
    }

    #[test]
    fn file_without_address_column_is_rejected() {
        let error = detect(&["id", "phone"]).unwrap_err();

        assert!(matches!(error, ImportError::NoAddressColumn(headers) if headers.len() == 2));
    }
}
