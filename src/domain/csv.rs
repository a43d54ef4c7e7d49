//! Tables to download (RFC 4180), safe to open in a spreadsheet.

use std::borrow::Cow;

use csv::{Terminator, WriterBuilder};

/// One line of the table.
pub fn encode_record<'a>(cells: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::CRLF)
        .from_writer(Vec::new());
    // Writing to memory does not fail, and a line without cells is no line.
    let _ = writer.write_record(
        cells
            .into_iter()
            .map(|cell| escape_formula(cell).into_owned()),
    );
    writer.into_inner().unwrap_or_default()
}

/// Text that a spreadsheet would run as a formula is made text by a leading apostrophe
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

    fn written(cells: &[&str]) -> String {
        String::from_utf8(encode_record(cells.iter().copied())).unwrap()
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        assert_eq!(written(&["a", "", "c"]), "a,,c\r\n");
        assert_eq!(
            written(&["say \"no\"", "a,b", "two\r\nlines"]),
            "\"say \"\"no\"\"\",\"a,b\",\"two\r\nlines\"\r\n"
        );
    }

    #[test]
    fn no_cell_is_a_formula() {
        for cell in ["=1+1@x.example", "+1", "-1", "@a", "\t=1", "＝1", "\r=1"] {
            assert!(
                written(&[cell]).trim_start_matches('"').starts_with('\''),
                "{cell}"
            );
        }
        assert_eq!(written(&["@SUM(A1,B1)"]), "\"'@SUM(A1,B1)\"\r\n");
        assert_eq!(written(&["a=1", "550 5.1.1 -"]), "a=1,550 5.1.1 -\r\n");
    }
}
