//! A CSV file as people have it: from whichever spreadsheet, with whichever separator.

use std::io::{BufRead, BufReader, Cursor, Read};

use csv::{ByteRecord, StringRecord};

use crate::subscription::arrivals::{ArrivalError, CsvError};
use crate::subscription::csv_columns::Columns;

/// A comma (RFC 4180), the semicolon of spreadsheets in countries that write decimals
/// with a comma, and the tab of what was copied out of one.
const SEPARATORS: [u8; 3] = *b",;\t";
const BOM: &[u8] = b"\xef\xbb\xbf";
/// More than any line of headers; what is longer is no list of readers.
const LONGEST_HEADERS: u64 = 64 * 1024;

/// A file read row by row.
pub(super) struct CsvFile<R: Read> {
    reader: csv::Reader<R>,
    record: ByteRecord,
}

/// One row, and the line of the file it begins on, from 1.
pub(super) struct Row {
    pub(super) line: u64,
    pub(super) fields: Result<StringRecord, ArrivalError>,
}

/// Opens `file` with the separator that shows a column of addresses in its first row.
pub(super) fn open(file: impl Read) -> Result<CsvFile<impl Read>, CsvError> {
    let mut file = BufReader::new(LineFeeds::new(file));
    let mut head = Vec::new();
    let unreadable = |error| CsvError::Unreadable(csv::Error::from(error));
    while head.trim_ascii().is_empty() {
        let line = file
            .by_ref()
            .take(LONGEST_HEADERS)
            .read_until(b'\n', &mut head);
        if line.map_err(unreadable)? == 0 {
            break;
        }
        if head.starts_with(BOM) {
            head.drain(..BOM.len());
        }
    }
    let separator = SEPARATORS
        .into_iter()
        .find(|&separator| shows_addresses(&head, separator));
    // The last row's line feed may be missing; without it lines could not be counted.
    let whole = Cursor::new(head).chain(file).chain(&b"\n"[..]);
    let reader = builder(separator.unwrap_or(b',')).from_reader(whole);
    Ok(CsvFile {
        reader,
        record: ByteRecord::new(),
    })
}

fn builder(separator: u8) -> csv::ReaderBuilder {
    let mut builder = csv::ReaderBuilder::new();
    builder
        .flexible(true)
        .has_headers(false)
        .delimiter(separator);
    builder
}

fn shows_addresses(head: &[u8], separator: u8) -> bool {
    let first = builder(separator).from_reader(head).into_records().next();
    matches!(first, Some(Ok(first)) if Columns::find(&first).is_ok())
}

impl<R: Read> CsvFile<R> {
    /// The next row that is not empty.
    ///
    /// # Errors
    /// When the file cannot be read on; a row that is no text is its own error.
    pub(super) fn next(&mut self) -> Result<Option<Row>, csv::Error> {
        while self.reader.read_byte_record(&mut self.record)? {
            if self
                .record
                .iter()
                .all(|field| field.trim_ascii().is_empty())
            {
                continue;
            }
            let inside = self
                .record
                .iter()
                .flatten()
                .filter(|&&byte| byte == b'\n')
                .count();
            // The reader stands at the line behind the row. (Where it stood before is of no
            // use: it passes over empty lines without a word.)
            let line = self
                .reader
                .position()
                .line()
                .saturating_sub(1 + inside as u64);
            let fields = StringRecord::from_byte_record(std::mem::take(&mut self.record));
            let fields = fields.map_err(|_| ArrivalError::NotText);
            return Ok(Some(Row { line, fields }));
        }
        Ok(None)
    }

    /// Bytes read so far.
    pub(super) fn byte(&self) -> u64 {
        self.reader.position().byte()
    }
}

/// Makes every end of line, CR LF or CR, a single LF.
struct LineFeeds<R> {
    inner: R,
    after_cr: bool,
}

impl<R: Read> LineFeeds<R> {
    const fn new(inner: R) -> Self {
        Self {
            inner,
            after_cr: false,
        }
    }
}

impl<R: Read> Read for LineFeeds<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let length = self.inner.read(buffer)?;
            let mut kept = 0;
            for at in 0..length {
                let byte = buffer[at];
                let second_half = byte == b'\n' && self.after_cr;
                self.after_cr = byte == b'\r';
                if !second_half {
                    buffer[kept] = if self.after_cr { b'\n' } else { byte };
                    kept += 1;
                }
            }
            // Nothing kept of something read is not the end.
            if kept > 0 || length == 0 {
                return Ok(kept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(file: &[u8]) -> Vec<(u64, Vec<String>)> {
        let mut file = open(file).unwrap();
        let mut rows = Vec::new();
        while let Some(Row { line, fields }) = file.next().unwrap() {
            let fields = fields.map(|row| row.iter().map(str::to_owned).collect());
            rows.push((line, fields.unwrap_or_default()));
        }
        rows
    }

    fn lines(file: &[u8]) -> Vec<u64> {
        rows(file).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn a_row_is_told_by_the_line_it_begins_on() {
        for end in ["\n", "\r\n", "\r"] {
            let file = "email\na\n\n \nb\n\"c\nd\",e\nf".replace('\n', end);
            assert_eq!(lines(file.as_bytes()), [1, 2, 5, 6, 8], "{end:?}");
            let file = format!("{file}{end}");
            assert_eq!(lines(file.as_bytes()), [1, 2, 5, 6, 8], "{end:?}");
        }
        assert_eq!(lines(b"email\n\xff\nb\n"), [1, 2, 3]);
        assert_eq!(lines(b"\n\nemail\na\n"), [3, 4]);
        assert!(rows(b"").is_empty());
    }

    #[test]
    fn the_separator_is_the_one_that_shows_a_column_of_addresses() {
        for file in [
            "name,email\nA,b\n",
            "name;email\nA;b\n",
            "name\temail\nA\tb\n",
            "x;email\nA, B;b\n",
        ] {
            assert_eq!(rows(file.as_bytes())[1].1.len(), 2, "{file}");
        }
        assert_eq!(
            rows(b"ada@example.com;Ada\n")[0].1,
            ["ada@example.com", "Ada"]
        );
        assert_eq!(
            rows(b"\"Name; first\",email\n")[0].1,
            ["Name; first", "email"]
        );
    }

    #[test]
    fn a_byte_order_mark_is_no_text() {
        assert_eq!(rows(b"\xef\xbb\xbfemail\n")[0].1, ["email"]);
        assert_eq!(rows(b"\xef\xbb\xbf\"email\"\r\n")[0].1, ["email"]);
    }

    #[test]
    fn a_line_end_cut_in_two_is_one() {
        struct OneByOne<'a>(&'a [u8]);
        impl Read for OneByOne<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let length = buffer.len().min(1);
                self.0.read(&mut buffer[..length])
            }
        }
        let mut text = String::new();
        LineFeeds::new(OneByOne(b"a\r\nb\r\rc\n\nd\r"))
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "a\nb\n\nc\n\nd\n");
    }
}
