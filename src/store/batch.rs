//! Many rows in one statement, in a few fixed sizes, so that each is prepared once.

use std::fmt::Write;

/// The sizes a batch is cut to. PostgreSQL takes at most 65,535 parameters and SQLite
/// 32,766; the largest batch here stays far below.
const SIZES: [usize; 4] = [1, 10, 100, 500];

/// Cuts `items` into runs of the fixed sizes, the largest first.
pub(super) fn runs<T>(mut items: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().rev().find(|size| *size <= items.len())?;
        let (run, rest) = items.split_at(size);
        items = rest;
        Some(run)
    })
}

/// `($3, $4), ($5, $6)`: `rows` rows, numbered from `first`, each column wrapped as
/// `columns` says (`"$"`, or `"CAST($ AS BIGINT)"` where the database cannot guess).
pub(super) fn values(first: usize, rows: usize, columns: &[&str]) -> String {
    let mut text = String::new();
    let mut number = first;
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                text.push_str(", ");
            }
            let (before, after) = column.split_once('$').unwrap_or((column, ""));
            let _ = write!(text, "{before}${number}{after}");
            number += 1;
        }
        text.push(')');
    }
    text
}

/// `$3, $4, $5`
pub(super) fn list(first: usize, count: usize) -> String {
    let numbers: Vec<String> = (first..first + count)
        .map(|number| format!("${number}"))
        .collect();
    numbers.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_into_fixed_sizes() {
        let items: Vec<u32> = (0..723).collect();
        let sizes: Vec<usize> = runs(&items).map(<[u32]>::len).collect();
        assert_eq!(sizes, [500, 100, 100, 10, 10, 1, 1, 1]);
        assert_eq!(runs(&items).flatten().count(), 723);
    }

    #[test]
    fn numbers_parameters() {
        assert_eq!(
            values(3, 2, &["$", "CAST($ AS BIGINT)"]),
            "($3, CAST($4 AS BIGINT)), ($5, CAST($6 AS BIGINT))"
        );
        assert_eq!(list(2, 3), "$2, $3, $4");
    }
}
