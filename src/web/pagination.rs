//! Cursor pagination of long lists.

use serde::Deserialize;

/// Query of a link to a following page.
#[derive(Debug, Default, Deserialize)]
pub struct After {
    /// Cursor: the last row of the page before. Empty on the first page.
    #[serde(default)]
    pub after: String,
}

/// Truncates `rows` to `page_size` and returns the last row if another page follows.
///
/// The caller must have requested `page_size + 1` rows.
pub fn split_page<T>(rows: &mut Vec<T>, page_size: usize) -> Option<&T> {
    let has_more = rows.len() > page_size;
    rows.truncate(page_size);
    rows.last().filter(|_| has_more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn split_page_returns_cursor_only_if_rows_follow() {
        let split = |count: usize| {
            let mut rows: Vec<usize> = (1..=count).collect();
            let last = split_page(&mut rows, 3).copied();
            (rows.len(), last)
        };

        assert_eq!(split(0), (0, None));
        assert_eq!(split(3), (3, None));
        assert_eq!(split(4), (3, Some(3)));
    }
}
