//! Addresses pasted from anywhere: one a line, in one long line, or out of a mail's header.

use csv::Writer;

/// The same as a CSV file with a column of addresses: what looks like addresses in a line,
/// each as a row of its own; a line without any as it is, so that it is refused by name.
///
/// # Errors
/// When a row cannot be written, which memory never refuses.
pub fn as_csv(pasted: &str) -> Result<Vec<u8>, csv::Error> {
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

    #[test]
    fn every_address_is_a_row() {
        let rows = |pasted: &str| String::from_utf8(as_csv(pasted).unwrap()).unwrap();
        assert_eq!(
            rows("a@x.com\r\n\n b@x.com \n"),
            "email\na@x.com\nb@x.com\n"
        );
        assert_eq!(rows("a@x.com, b@x.com;c@x.com d@x.com").lines().count(), 5);
        assert_eq!(
            rows("\"Lovelace, Ada\" <ada@x.com>, mailto:bob@x.com"),
            "email\nada@x.com\nbob@x.com\n"
        );
        assert_eq!(
            rows("ada at x.com, or bob\n@\n"),
            "email\n\"ada at x.com, or bob\"\n@\n"
        );
        assert_eq!(rows("  \n"), "email\n");
    }
}
