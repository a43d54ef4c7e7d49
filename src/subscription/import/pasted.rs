//! Addresses pasted into a form: one per line, separated, or copied from an email header.

use csv::Writer;

/// Converts pasted text to a CSV file with an `email` column.
///
/// Each word that contains `@` becomes a row. A line without one becomes a row as it is, so
/// that the import rejects it with its text.
///
/// # Errors
/// Returns [`csv::Error`] if a row cannot be written; writing to memory does not fail.
pub fn pasted_to_csv(pasted: &str) -> Result<Vec<u8>, csv::Error> {
    let mut rows = Writer::from_writer(Vec::new());
    rows.write_record(["email"])?;
    for line in pasted
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let mut addresses = line
            .split([' ', '\t', ',', ';', '<', '>', '"'])
            .filter(|word| word.contains('@'))
            .peekable();
        if addresses.peek().is_none() {
            rows.write_record([line])?;
        }
        for address in addresses {
            rows.write_record([address.trim_start_matches("mailto:")])?;
        }
    }
    Ok(rows.into_inner().map_err(csv::IntoInnerError::into_error)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn csv(pasted: &str) -> String {
        String::from_utf8(pasted_to_csv(pasted).unwrap()).unwrap()
    }

    #[test]
    fn pasted_addresses_become_one_row_each() {
        assert_eq!(csv("a@x.com\r\n\n b@x.com \n"), "email\na@x.com\nb@x.com\n");
        assert_eq!(csv("a@x.com, b@x.com;c@x.com d@x.com").lines().count(), 5);
        assert_eq!(
            csv("\"Lovelace, Ada\" <ada@x.com>, mailto:bob@x.com"),
            "email\nada@x.com\nbob@x.com\n"
        );
        assert_eq!(csv("  \n"), "email\n");
    }

    #[test]
    fn pasted_line_without_address_is_kept() {
        assert_eq!(
            csv("ada at x.com, or bob\n@\n"),
            "email\n\"ada at x.com, or bob\"\n@\n"
        );
    }
}
