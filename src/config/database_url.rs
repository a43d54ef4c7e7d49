//! Which database.

use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

/// A database by its kind. A PostgreSQL URL is a secret: it may hold a password.
#[derive(Clone, Debug)]
pub enum DatabaseUrl {
    Sqlite(PathBuf),
    Postgres(SecretString),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    #[error("expected sqlite:FILE or postgres://user:password@host/name")]
    Form,
    #[error("the file of sqlite: is missing; expected one like sqlite:data/broadsheet.db")]
    NoFile,
    #[error(
        "a database in memory forgets its readers; expected a file like sqlite:data/broadsheet.db"
    )]
    Memory,
    #[error("sqlite: takes a file and no options after '?'")]
    Options,
    #[error(
        "not a PostgreSQL URL like postgres://user:password@host/name (in a password, @ : / ? # are written %40 %3A %2F %3F %23)"
    )]
    Postgres,
}

impl DatabaseUrl {
    /// Reads `sqlite:FILE`, `sqlite://FILE`, `postgres://…` or `postgresql://…`.
    ///
    /// # Errors
    /// What is wrong with `text`, which is never quoted.
    pub fn parse(text: &str) -> Result<Self, DatabaseUrlError> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("sqlite:") {
            return sqlite(rest.strip_prefix("//").unwrap_or(rest));
        }
        if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
            return Err(DatabaseUrlError::Form);
        }
        Url::parse(text).map_err(|_| DatabaseUrlError::Postgres)?;
        Ok(Self::Postgres(text.into()))
    }
}

fn sqlite(file: &str) -> Result<DatabaseUrl, DatabaseUrlError> {
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
    fn reads_both_kinds() {
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
    fn says_what_is_wrong() {
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
    fn a_password_is_not_printed() {
        let url = DatabaseUrl::parse("postgres://user:s3cret@host/name").unwrap();
        assert!(!format!("{url:?}").contains("s3cret"));
    }
}
