//! Detection of the columns that contain the address and the name.

use csv::StringRecord;

use crate::domain::email_address::EmailAddress;
use crate::subscription::import::dates::DateOrder;
use crate::subscription::import::error::ImportError;
use crate::subscription::import::tools::{Role, find_role};

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

/// The columns that are imported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub(super) address: usize,
    pub(super) name: Option<usize>,
    pub(super) roles: Vec<RoleColumn>,
}

/// A column that says something about the state or the history of the subscribers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RoleColumn {
    pub(super) index: usize,
    pub(super) header: String,
    pub(super) role: Role,
    pub(super) order: DateOrder,
}

impl Columns {
    /// Finds the columns by the headers in the first row and the values in `samples`.
    ///
    /// A file without headers is accepted if its first row contains an address. Returns
    /// `true` in this case: the first row is a subscriber.
    pub(super) fn detect(
        first_row: &StringRecord,
        samples: &[&StringRecord],
    ) -> Result<(Self, bool), ImportError> {
        let position = |headers: &[&str]| {
            first_row
                .iter()
                .position(|field| headers.contains(&normalize(field).as_str()))
        };
        if let Some(address) = position(ADDRESS_HEADERS) {
            let columns = Self {
                address,
                name: position(NAME_HEADERS),
                roles: find_roles(first_row, samples),
            };
            return Ok((columns, false));
        }
        let address = first_row
            .iter()
            .position(|field| EmailAddress::parse(field).is_ok());
        match address {
            Some(address) => Ok((
                Self {
                    address,
                    name: None,
                    roles: Vec::new(),
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

    /// Returns whether a column says something about the state of the subscribers.
    pub(super) fn has_states(&self) -> bool {
        self.roles.iter().any(|column| column.role.is_state())
    }
}

fn find_roles(headers: &StringRecord, samples: &[&StringRecord]) -> Vec<RoleColumn> {
    let mut roles = Vec::new();
    for (index, header) in headers.iter().enumerate() {
        let values = samples.iter().filter_map(|row| row.get(index));
        if let Some(role) = find_role(header, values.clone()) {
            let mut order = DateOrder::default();
            if role.has_dates() {
                values.for_each(|value| order.observe(value));
            }
            roles.push(RoleColumn {
                index,
                header: header.to_owned(),
                role,
                order,
            });
        }
    }
    roles
}

fn normalize(header: &str) -> String {
    let letters = header.chars().filter(|c| c.is_alphanumeric());
    letters.collect::<String>().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(row: &[&str]) -> Result<(Columns, bool), ImportError> {
        Columns::detect(&StringRecord::from(row.to_vec()), &[])
    }

    #[test]
    fn columns_are_detected_by_header() {
        let columns = |address, name| Columns {
            address,
            name,
            roles: Vec::new(),
        };

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
