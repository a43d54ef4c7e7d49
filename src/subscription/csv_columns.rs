//! Which columns of a file hold the address and the name.

use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::SubscriberName;
use crate::subscription::arrivals::{ArrivalError, CsvError};

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

    pub(super) fn read(
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
