//! Many rows in one statement, in a few fixed sizes, so that each is prepared once.

use std::fmt::Write;
use std::sync::OnceLock;

use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

use crate::store::db::backend::Backend;

/// The sizes a batch is cut to. PostgreSQL takes at most 65,535 parameters and SQLite
/// 32,766; the largest batch here stays far below.
const SIZES: [usize; 4] = [1, 10, 100, 500];

/// Cuts `items` into runs of the fixed sizes, the largest first.
pub(crate) fn chunks<T>(mut items: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().rev().find(|size| *size <= items.len())?;
        let (run, rest) = items.split_at(size);
        items = rest;
        Some(run)
    })
}

/// The sizes of a statement that is run for a batch of any size: close enough that little
/// is too much, and few enough that a connection keeps all of them prepared.
const PADDED: [usize; 14] = [1, 2, 4, 8, 16, 24, 32, 48, 64, 100, 150, 250, 500, 1000];
/// What one statement takes.
pub(crate) const MOST: usize = PADDED[PADDED.len() - 1];

/// A statement in several sizes, the text of each made once for either database.
pub(crate) struct SizedStatement {
    make: fn(usize) -> String,
    texts: [[OnceLock<String>; PADDED.len()]; 2],
}

impl SizedStatement {
    pub const fn new(make: fn(usize) -> String) -> Self {
        Self {
            make,
            texts: [const { [const { OnceLock::new() }; PADDED.len()] }; 2],
        }
    }

    /// The text for at least `rows` rows, of which there are at most [`MOST`], and how many
    /// more it takes: those must be bound to NULL, which no row is equal to.
    pub fn for_rows(&'static self, backend: Backend, rows: usize) -> (&'static str, usize) {
        let index = PADDED
            .partition_point(|size| *size < rows)
            .min(PADDED.len() - 1);
        let size = PADDED[index];
        let text = &self.texts[usize::from(backend == Backend::Postgres)][index];
        let text = text.get_or_init(|| for_backend(backend, (self.make)(size)));
        (text, size.saturating_sub(rows))
    }
}

/// Binds the texts of rows that there are not.
pub(crate) fn pad(
    query: Query<'static, Any, AnyArguments>,
    texts: usize,
) -> Query<'static, Any, AnyArguments> {
    (0..texts).fold(query, |query, _| query.bind(None::<String>))
}

/// The same statement as each database reads it fastest. SQLite takes `$7` for a name, and
/// looks every name up in the list of all: thousands of them cost more than the rows.
/// Hence there `?` stands for each, and in `sql` every number must stand once, in order.
pub(crate) fn for_backend(backend: Backend, sql: String) -> String {
    if backend == Backend::Postgres {
        return sql;
    }
    let mut parts = sql.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (number, part) in (1..).zip(parts) {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        debug_assert_eq!(part.strip_suffix(rest), Some(number.to_string().as_str()));
        text.push('?');
        text.push_str(rest);
    }
    text
}

/// `($3, $4), ($5, $6)`: `rows` rows, numbered from `first`, each column wrapped as
/// `columns` says (`"$"`, or `"CAST($ AS BIGINT)"` where the database cannot guess).
pub(crate) fn value_rows(first: usize, rows: usize, columns: &[&str]) -> String {
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
pub(crate) fn placeholders(first: usize, count: usize) -> String {
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
        let sizes: Vec<usize> = chunks(&items).map(<[u32]>::len).collect();
        assert_eq!(sizes, [500, 100, 100, 10, 10, 1, 1, 1]);
        assert_eq!(chunks(&items).flatten().count(), 723);
    }

    #[test]
    fn takes_the_next_larger_size() {
        static SIZES: SizedStatement = SizedStatement::new(|size| size.to_string());
        let sizes = [1, 3, 4, 17, 999, MOST].map(|rows| SIZES.for_rows(Backend::Sqlite, rows));
        let expected = [
            ("1", 0),
            ("4", 1),
            ("4", 0),
            ("24", 7),
            ("1000", 1),
            ("1000", 0),
        ];
        assert_eq!(sizes, expected);
    }

    #[test]
    fn sqlite_gets_no_names() {
        let sql = || {
            format!(
                "INSERT INTO t VALUES {} -- $3",
                value_rows(1, 1, &["$", "$"])
            )
        };
        assert_eq!(
            for_backend(Backend::Sqlite, sql()),
            "INSERT INTO t VALUES (?, ?) -- ?"
        );
        assert_eq!(for_backend(Backend::Postgres, sql()), sql());
    }

    #[test]
    fn numbers_parameters() {
        assert_eq!(
            value_rows(3, 2, &["$", "CAST($ AS BIGINT)"]),
            "($3, CAST($4 AS BIGINT)), ($5, CAST($6 AS BIGINT))"
        );
        assert_eq!(placeholders(2, 3), "$2, $3, $4");
    }
}
