//! Where the database is.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

/// The URL of a database.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A `postgres://` URL; a secret, because it may contain a password.
    Postgres(SecretString),
}

/// A text is not the URL of a database. Never quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// Another scheme.
    #[error("expected sqlite:FILE or postgres://user:password@host/name")]
    Form,
    /// `sqlite:` without a file.
    #[error("the file of sqlite: is missing; expected one like sqlite:data/broadsheet.db")]
    NoFile,
    /// An SQLite database in memory.
    #[error("a database in memory is lost at exit; expected a file like sqlite:data/broadsheet.db")]
    Memory,
    /// `sqlite:FILE?…`.
    #[error("expected sqlite:FILE without options after '?'")]
    Options,
    /// A PostgreSQL URL that cannot be parsed.
    #[error(
        "not a PostgreSQL URL like postgres://user:password@host/name (in a password, @ : / ? # are written %40 %3A %2F %3F %23)"
    )]
    Postgres,
}

impl DatabaseUrl {
    /// Parses `sqlite:FILE`, `sqlite://FILE`, `postgres://…` or `postgresql://…`.
    ///
    /// # Errors
    /// [`DatabaseUrlError`] if the scheme, the file or the PostgreSQL URL is invalid.
    pub fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("sqlite:") {
            return parse_sqlite(rest.strip_prefix("//").unwrap_or(rest));
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(DatabaseUrlError::Form);
        }
        Url::parse(text).map_err(|_| DatabaseUrlError::Postgres)?;
        Ok(Self::Postgres(text.into()))
    }
}

fn parse_sqlite(file: &str) -> Result<DatabaseUrl, DatabaseUrlError> {
    match file {
        "" => Err(DatabaseUrlError::NoFile),
        memory if memory.contains(":memory:") || memory.contains("mode=memory") => {
            Err(DatabaseUrlError::Memory)
        }
        options if options.contains('?') => Err(DatabaseUrlError::Options),
        file => Ok(DatabaseUrl::Sqlite(file.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_valid_url_returns_kind() {
        for (text, file) in [
            ("sqlite:data/broadsheet.db", "data/broadsheet.db"),
            ("sqlite://data/broadsheet.db", "data/broadsheet.db"),
            ("sqlite:/var/lib/b.db", "/var/lib/b.db"),
            ("sqlite:///var/lib/b.db", "/var/lib/b.db"),
        ] {
            let DatabaseUrl::Sqlite(path) = DatabaseUrl::parse(text).unwrap() else {
                panic!("{text}")
            };
            assert_eq!(path, PathBuf::from(file));
        }
        for text in [
            "postgres://u:p@host/name",
            "postgresql:///name?host=/run/postgresql",
        ] {
            assert!(
                matches!(DatabaseUrl::parse(text), Ok(DatabaseUrl::Postgres(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn parse_invalid_url_returns_error() {
        use DatabaseUrlError::*;
        for (text, error) in [
            ("data/broadsheet.db", Form),
            ("mysql://host/name", Form),
            ("sqlite:", NoFile),
            ("sqlite://", NoFile),
            ("sqlite::memory:", Memory),
            ("sqlite:x?mode=memory", Memory),
            ("sqlite:x.db?mode=ro", Options),
            ("postgres://user:p#ss@host/name", Postgres),
        ] {
            assert_eq!(DatabaseUrl::parse(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn debug_hides_password() {
        let url = DatabaseUrl::parse("postgres://user:s3cret@host/name").unwrap();
        assert!(!format!("{url:?}").contains("s3cret"));
    }
}
