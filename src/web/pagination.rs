//! Long lists, a page at a time.

use serde::Deserialize;

/// What a link to the next page carries.
#[derive(Debug, Default, Deserialize)]
pub struct After {
    #[serde(default)]
    pub after: String,
}

/// Cuts `rows`, of which one more was asked for than a page holds. Gives the last row of
/// the page when there is another behind it.
pub fn split_page<T>(rows: &mut Vec<T>, page: usize) -> Option<&T> {
    let has_more = rows.len() > page;
    rows.truncate(page);
    rows.last().filter(|_| has_more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_behind_the_page_makes_another() {
        let cut = |count: usize| {
            let mut rows: Vec<usize> = (1..=count).collect();
            let last = split_page(&mut rows, 3).copied();
            (rows.len(), last)
        };
        assert_eq!(cut(0), (0, None));
        assert_eq!(cut(3), (3, None));
        assert_eq!(cut(4), (3, Some(3)));
    }
}
