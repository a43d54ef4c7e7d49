//! Statements for many rows, in a few fixed sizes, so that the prepared statement cache of each
//! connection holds all of them.

use std::fmt::Write;
use std::sync::OnceLock;

use sqlx::Any;
use sqlx::any::AnyArguments;
use sqlx::query::Query;

use crate::store::db::backend::Backend;

/// Sizes into which [`chunks`] cuts a batch, in rows.
///
/// PostgreSQL allows 65,535 parameters in a statement and SQLite 32,766; the largest batch here
/// has far fewer.
const CHUNK_SIZES: [usize; 4] = [1, 10, 100, 500];

/// Cuts `items` into chunks of the sizes in [`CHUNK_SIZES`], largest first.
pub(crate) fn chunks<T>(mut items: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = CHUNK_SIZES
            .into_iter()
            .rev()
            .find(|size| *size <= items.len())?;
        let (chunk, rest) = items.split_at(size);
        items = rest;
        Some(chunk)
    })
}

/// Sizes of a [`SizedStatement`], in rows: close enough that few rows are bound to NULL, and few
/// enough that the prepared statement cache of a connection holds all of them.
const STATEMENT_SIZES: [usize; 14] = [1, 2, 4, 8, 16, 24, 32, 48, 64, 100, 150, 250, 500, 1000];

/// Maximum number of rows of a [`SizedStatement`].
pub(crate) const MAX_ROWS: usize = STATEMENT_SIZES[STATEMENT_SIZES.len() - 1];

/// A statement in several sizes. The text of each size is built once per database.
pub(crate) struct SizedStatement {
    build: fn(usize) -> String,
    texts: [[OnceLock<String>; STATEMENT_SIZES.len()]; 2],
}

impl SizedStatement {
    /// Creates a statement; `build` returns its text for a number of rows.
    pub const fn new(build: fn(usize) -> String) -> Self {
        Self {
            build,
            texts: [const { [const { OnceLock::new() }; STATEMENT_SIZES.len()] }; 2],
        }
    }

    /// Returns the text for at least `rows` rows (at most [`MAX_ROWS`]) and the number of
    /// surplus rows, whose columns the caller must bind to NULL: NULL equals no value.
    pub fn for_rows(&'static self, backend: Backend, rows: usize) -> (&'static str, usize) {
        let index = STATEMENT_SIZES
            .partition_point(|size| *size < rows)
            .min(STATEMENT_SIZES.len() - 1);
        let size = STATEMENT_SIZES[index];
        let text = &self.texts[usize::from(backend == Backend::Postgres)][index];
        let text = text.get_or_init(|| for_backend(backend, (self.build)(size)));
        (text, size.saturating_sub(rows))
    }
}

/// Binds `count` text parameters to NULL.
pub(crate) fn bind_nulls(
    query: Query<'static, Any, AnyArguments>,
    count: usize,
) -> Query<'static, Any, AnyArguments> {
    (0..count).fold(query, |query, _| query.bind(None::<String>))
}

/// Rewrites `$n` to `?` for SQLite; each number must occur once and in order.
///
/// SQLite resolves `$n` as a named parameter by linear search, which is quadratic for large
/// batches.
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

/// Returns the rows of a `VALUES` list, for example `($3, $4), ($5, $6)`, numbered from `first`.
///
/// `columns` holds the expression of each column, `"$"` or, where PostgreSQL cannot infer the
/// type, `"CAST($ AS BIGINT)"`.
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

/// Returns `count` placeholders numbered from `first`, for example `$3, $4, $5`.
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
    fn chunks_have_fixed_sizes() {
        let items: Vec<u32> = (0..723).collect();

        let sizes: Vec<usize> = chunks(&items).map(<[u32]>::len).collect();

        assert_eq!(sizes, [500, 100, 100, 10, 10, 1, 1, 1]);
        assert_eq!(chunks(&items).flatten().count(), 723);
    }

    #[test]
    fn sized_statement_uses_next_larger_size() {
        static STATEMENT: SizedStatement = SizedStatement::new(|size| size.to_string());

        let sizes = [1, 3, 4, 17, 999, MAX_ROWS];
        let sizes = sizes.map(|rows| STATEMENT.for_rows(Backend::Sqlite, rows));

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
    fn for_backend_on_sqlite_removes_parameter_numbers() {
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
    fn value_rows_numbers_parameters() {
        assert_eq!(
            value_rows(3, 2, &["$", "CAST($ AS BIGINT)"]),
            "($3, CAST($4 AS BIGINT)), ($5, CAST($6 AS BIGINT))"
        );
        assert_eq!(placeholders(2, 3), "$2, $3, $4");
    }
}
