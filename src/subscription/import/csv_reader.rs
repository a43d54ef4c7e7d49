//! Reads CSV files as spreadsheets and newsletter tools write them: comma, semicolon or
//! tab, with or without byte order mark, with any line ending.

use std::io::{BufRead, BufReader, Cursor, Read};

use csv::{ByteRecord, StringRecord};

use crate::subscription::import::columns::Columns;
use crate::subscription::import::error::{ImportError, RowError};

/// Separators to try: the comma of RFC 4180, the semicolon that spreadsheets write in
/// countries with a decimal comma, and the tab of rows copied from a spreadsheet.
const SEPARATORS: [u8; 3] = *b",;\t";

/// UTF-8 byte order mark.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Maximum bytes read to find the first line. Real headers are far shorter; the limit bounds
/// memory for files that are not CSV.
const MAX_HEADER_BYTES: u64 = 64 * 1024;

/// Reads a CSV file row by row.
pub(super) struct CsvReader<R: Read> {
    reader: csv::Reader<R>,
    record: ByteRecord,
}

/// One row of the file.
pub(super) struct Row {
    /// Line of the file on which the row starts, from 1.
    pub(super) line: u64,
    /// The fields, or an error if the row is not valid UTF-8.
    pub(super) fields: Result<StringRecord, RowError>,
}

/// Opens a CSV file with the first separator for which the first line has an address column.
pub(super) fn open_csv(file: impl Read) -> Result<CsvReader<impl Read>, ImportError> {
    let mut file = BufReader::new(NormalizeLineEndings::new(file));
    let mut head = Vec::new();
    let unreadable = |error| ImportError::Unreadable(csv::Error::from(error));
    while head.trim_ascii().is_empty() {
        let line = file
            .by_ref()
            .take(MAX_HEADER_BYTES)
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
        .find(|&separator| has_address_column(&head, separator));
    // Appends a line feed, which the last row may lack: the line number of a row is derived
    // from the position after it.
    let complete = Cursor::new(head).chain(file).chain(&b"\n"[..]);
    let reader = builder(separator.unwrap_or(b',')).from_reader(complete);
    Ok(CsvReader {
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

fn has_address_column(head: &[u8], separator: u8) -> bool {
    let first = builder(separator).from_reader(head).into_records().next();
    matches!(first, Some(Ok(first)) if Columns::detect(&first, &[]).is_ok())
}

impl<R: Read> CsvReader<R> {
    /// Returns the next row that is not empty, or `None` at the end of the file.
    ///
    /// # Errors
    /// Returns [`csv::Error`] if the file cannot be read. A row that is not valid UTF-8 is
    /// returned with an error in [`Row::fields`].
    pub(super) fn read_row(&mut self) -> Result<Option<Row>, csv::Error> {
        while self.reader.read_byte_record(&mut self.record)? {
            if self
                .record
                .iter()
                .all(|field| field.trim_ascii().is_empty())
            {
                continue;
            }
            let line_breaks = self
                .record
                .iter()
                .flatten()
                .filter(|&&byte| byte == b'\n')
                .count();
            // The reader is on the line after the row. Its position before the row cannot be
            // used, because it skips empty lines silently.
            let line = self
                .reader
                .position()
                .line()
                .saturating_sub(1 + line_breaks as u64);
            let fields = StringRecord::from_byte_record(std::mem::take(&mut self.record));
            let fields = fields.map_err(|_| RowError::NotUtf8);
            return Ok(Some(Row { line, fields }));
        }
        Ok(None)
    }

    /// Returns the number of lines read so far. The line feed appended at the end of the file
    /// is no line if the file ends with one.
    pub(super) fn line_count(&self) -> u64 {
        self.reader.position().line().saturating_sub(2)
    }

    /// Returns the number of bytes read so far.
    pub(super) fn bytes_read(&self) -> u64 {
        self.reader.position().byte()
    }
}

/// Converts CR LF and CR to LF.
struct NormalizeLineEndings<R> {
    inner: R,
    /// Whether the last byte read was a CR, also across reads.
    after_cr: bool,
}

impl<R: Read> NormalizeLineEndings<R> {
    const fn new(inner: R) -> Self {
        Self {
            inner,
            after_cr: false,
        }
    }
}

impl<R: Read> Read for NormalizeLineEndings<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let length = self.inner.read(buffer)?;
            let mut kept = 0;
            for index in 0..length {
                let byte = buffer[index];
                let is_second_half = byte == b'\n' && self.after_cr;
                self.after_cr = byte == b'\r';
                if !is_second_half {
                    buffer[kept] = if self.after_cr { b'\n' } else { byte };
                    kept += 1;
                }
            }
            // Reads again if the whole input was dropped: zero bytes would mean the end.
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
        let mut reader = open_csv(file).unwrap();
        let mut rows = Vec::new();
        while let Some(Row { line, fields }) = reader.read_row().unwrap() {
            let fields = fields.map(|row| row.iter().map(str::to_owned).collect());
            rows.push((line, fields.unwrap_or_default()));
        }
        rows
    }

    fn lines(file: &[u8]) -> Vec<u64> {
        rows(file).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn row_line_is_the_line_it_starts_on() {
        for line_ending in ["\n", "\r\n", "\r"] {
            let file = "email\na\n\n \nb\n\"c\nd\",e\nf".replace('\n', line_ending);
            assert_eq!(lines(file.as_bytes()), [1, 2, 5, 6, 8], "{line_ending:?}");
            let file = format!("{file}{line_ending}");
            assert_eq!(lines(file.as_bytes()), [1, 2, 5, 6, 8], "{line_ending:?}");
        }
        assert_eq!(lines(b"email\n\xff\nb\n"), [1, 2, 3]);
        assert_eq!(lines(b"\n\nemail\na\n"), [3, 4]);
        assert!(rows(b"").is_empty());
    }

    #[test]
    fn separator_is_detected_by_address_column() {
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
    fn byte_order_mark_is_removed() {
        assert_eq!(rows(b"\xef\xbb\xbfemail\n")[0].1, ["email"]);
        assert_eq!(rows(b"\xef\xbb\xbf\"email\"\r\n")[0].1, ["email"]);
    }

    #[test]
    fn line_ending_split_across_reads_becomes_one() {
        struct OneByOne<'a>(&'a [u8]);
        impl Read for OneByOne<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let length = buffer.len().min(1);
                self.0.read(&mut buffer[..length])
            }
        }
        let mut text = String::new();
        NormalizeLineEndings::new(OneByOne(b"a\r\nb\r\rc\n\nd\r"))
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "a\nb\n\nc\n\nd\n");
    }
}
