//! CSV files to download (RFC 4180), safe to open in a spreadsheet.

use std::borrow::Cow;

use csv::{Terminator, WriterBuilder};

/// Encodes one record, with its line break.
pub fn encode_record<'a>(cells: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    // Writing to memory does not fail; a record without cells writes nothing.
    let _ = writer.write_record(
        cells
            .into_iter()
            .map(|cell| escape_formula(cell).into_owned()),
    );
    writer.into_inner().unwrap_or_default()
}

/// Prefixes a cell that a spreadsheet would evaluate as a formula with an apostrophe
/// (OWASP, "CSV Injection").
fn escape_formula(cell: &str) -> Cow<'_, str> {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
        Cow::Owned(format!("'{cell}"))
    } else {
        Cow::Borrowed(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(cells: &[&str]) -> String {
        String::from_utf8(encode_record(cells.iter().copied())).unwrap()
    }

    #[test]
    fn cells_with_special_characters_are_quoted() {
        assert_eq!(encode(&["a", "", "c"]), "a,,c\r\n");
        assert_eq!(
            encode(&["say \"no\"", "a,b", "two\r\nlines"]),
            "\"say \"\"no\"\"\",\"a,b\",\"two\r\nlines\"\r\n"
        );
    }

    #[test]
    fn cells_that_look_like_formulas_are_escaped() {
        for cell in ["=1+1@x.example", "+1", "-1", "@a", "\t=1", "＝1", "\r=1"] {
            assert!(
                encode(&[cell]).trim_start_matches('"').starts_with('\''),
                "{cell}"
            );
        }
        assert_eq!(encode(&["@SUM(A1,B1)"]), "\"'@SUM(A1,B1)\"\r\n");
        assert_eq!(encode(&["a=1", "550 5.1.1 -"]), "a=1,550 5.1.1 -\r\n");
    }
}
