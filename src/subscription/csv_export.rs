//! The list as a CSV file (RFC 4180), a page at a time, so that memory stays flat.

use std::borrow::Cow;

use super::Subscriptions;
use crate::domain::clock::Timestamp;
use crate::store::{StoreError, SubscriberFilter, SubscriberRow, Turn};

/// Rows read at once.
const PAGE: usize = 1_000;

const HEADERS: [&str; 7] = [
    "email",
    "name",
    "state",
    "since",
    "source",
    "created_at",
    "confirmed_at",
];

/// An export under way.
#[derive(Debug)]
pub struct CsvExport {
    subscriptions: Subscriptions,
    filter: SubscriberFilter,
    stand: Stand,
    readers: u64,
}

#[derive(Debug)]
enum Stand {
    Before,
    Behind(SubscriberRow),
    Done,
}

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a line cannot be made: {0}")]
    Line(#[from] csv::Error),
    #[error("a line cannot be made: {0}")]
    Memory(#[from] std::io::Error),
}

impl Subscriptions {
    /// Those whom the filter finds, in its order.
    pub fn export(&self, filter: SubscriberFilter) -> CsvExport {
        CsvExport {
            subscriptions: self.clone(),
            filter,
            stand: Stand::Before,
            readers: 0,
        }
    }
}

impl CsvExport {
    /// How many readers were in the lines so far.
    pub const fn readers(&self) -> u64 {
        self.readers
    }

    /// The next lines of the file; the headers come first. `None` behind the last.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, ExportError> {
        let (turn, headers): (_, &[_]) = match &self.stand {
            Stand::Before => (Turn::First, &[HEADERS]),
            Stand::Behind(row) => (Turn::After(&row.place), &[]),
            Stand::Done => return Ok(None),
        };
        let store = &self.subscriptions.store;
        let mut rows = store.subscribers(&self.filter, turn, PAGE).await?;
        let mut lines = lines();
        for fields in headers {
            push_line(&mut lines, fields)?;
        }
        for row in &rows {
            push_line(&mut lines, &fields(row))?;
        }
        self.readers += rows.len() as u64;
        let is_last = rows.len() < PAGE;
        self.stand = match rows.pop() {
            Some(last) if !is_last => Stand::Behind(last),
            _ => Stand::Done,
        };
        let lines = lines.into_inner().map_err(|error| error.into_error())?;
        Ok(Some(lines))
    }
}

type Lines = csv::Writer<Vec<u8>>;

fn lines() -> Lines {
    csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new())
}

fn fields(row: &SubscriberRow) -> [String; 7] {
    let at = |at: Timestamp| {
        at.to_utc()
            .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    };
    [
        row.address.clone(),
        row.name.clone().unwrap_or_default(),
        row.state.as_str().to_owned(),
        at(row.since),
        row.source.clone(),
        at(row.created_at),
        row.confirmed_at.map(at).unwrap_or_default(),
    ]
}

fn push_line(lines: &mut Lines, fields: &[impl AsRef<str>]) -> Result<(), csv::Error> {
    lines.write_record(
        fields
            .iter()
            .map(|field| defused(field.as_ref()).into_owned()),
    )
}

/// A spreadsheet would run what looks like a formula: an apostrophe before it makes it text
/// (OWASP, "CSV Injection").
fn defused(field: &str) -> Cow<'_, str> {
    if field.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        Cow::Owned(format!("'{field}"))
    } else {
        Cow::Borrowed(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_one_field_and_no_formula() {
        for (field, written) in [
            ("ada@example.com", "ada@example.com"),
            ("Lovelace, Ada", "\"Lovelace, Ada\""),
            ("\"Ada\"", "\"\"\"Ada\"\"\""),
            ("=1+2", "'=1+2"),
            ("+49", "'+49"),
            ("-cmd|'x'!A1", "'-cmd|'x'!A1"),
            ("@SUM(A1,B1)", "\"'@SUM(A1,B1)\""),
            ("a\r\nb", "\"a\r\nb\""),
        ] {
            let mut lines = lines();
            push_line(&mut lines, &[field, "x"]).unwrap();
            let text = String::from_utf8(lines.into_inner().unwrap()).unwrap();
            assert_eq!(text, format!("{written},x\r\n"));
        }
    }
}
