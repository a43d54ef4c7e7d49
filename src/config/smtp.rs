//! Section `smtp`: how mail is sent.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::config::reader::{ConfigReader, ReadResult};
use crate::config::section::section;
use crate::config::values::{number, path, secret, text, word};
use crate::domain::delivery::in_doubt::InDoubtPolicy;
use crate::domain::delivery::verp::ReturnPath;
use crate::domain::smtp_url::SmtpUrl;

section! {
    /// How mail is sent.
    pub struct Smtp {
        /// The SMTP server. `None`: messages are written to the outbox.
        url: Option<SmtpUrl> = optional("smtp.url", text(SmtpUrl::parse)).editable().secret();
        /// The password, if it is not in the URL.
        password: Option<SecretString> = optional("smtp.password", text(secret)).secret();
        /// A file with the password.
        password_file: Option<PathBuf> = optional("smtp.password_file", text(path));
        /// Maximum number of connections of a process.
        connections: u16 = required("smtp.connections", number(1..=1000)).editable();
        /// Maximum messages per second, shared by all processes.
        rate_per_second: Option<u32> =
            optional("smtp.rate_per_second", number(1..=100_000)).editable();
        /// Maximum messages per connection.
        messages_per_connection: u32 =
            required("smtp.messages_per_connection", number(1..=100_000));
        /// Mailbox for bounces, if it is not `newsletter.from`.
        return_path: Option<ReturnPath> =
            optional("smtp.return_path", text(ReturnPath::parse)).editable();
        /// What happens to a message whose SMTP reply was lost.
        in_doubt: InDoubtPolicy = required("smtp.in_doubt", text(word)).editable();
    }
    check check_credentials(url, password, password_file)
}

/// Requires user name and password together, and the password in one place only.
///
/// A user name without a password would fail only at the first send.
fn check_credentials(
    reader: &mut ConfigReader,
    url: &Option<SmtpUrl>,
    password: &Option<SecretString>,
    password_file: &Option<PathBuf>,
) -> ReadResult<()> {
    let outside_url = [
        password.as_ref().map(|_| "smtp.password"),
        password_file.as_ref().map(|_| "smtp.password_file"),
    ];
    let outside_url: Vec<&str> = outside_url.into_iter().flatten().collect();
    let (key, message) = match (url, outside_url.as_slice()) {
        (Some(url), _) if url.has_password() && reader.is_from_database("smtp.url") => (
            "smtp.url",
            "the admin UI does not store passwords; set smtp.password_file or smtp.password",
        ),
        (_, [_, second, ..]) => (*second, "smtp.password is also set; keep one of them"),
        (Some(url), []) if url.has_user() && !url.has_password() => (
            "smtp.url",
            "a user name without a password; add it, or set smtp.password_file",
        ),
        (Some(url), [key]) if url.has_password() => {
            (*key, "smtp.url also has a password; keep one of them")
        }
        (Some(url), [key]) if !url.has_user() => (
            *key,
            "smtp.url needs a user name for this password, as in smtp://user@host",
        ),
        _ => return Ok(()),
    };
    Err(reader.invalid(key, message))
}

/// The password file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PasswordFileError {
    /// The file cannot be read.
    #[error("smtp.password_file: {} cannot be read: {error}", file.display())]
    Unreadable {
        /// The password file.
        file: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file contains no password.
    #[error("smtp.password_file: {} is empty; expected the password", file.display())]
    Empty {
        /// The password file.
        file: PathBuf,
    },
}

impl Smtp {
    /// Returns the server with its password, wherever that is set; `None` without a server.
    ///
    /// Reads the password file each time, so that a new password needs no restart.
    ///
    /// # Errors
    /// [`PasswordFileError`] if the password file cannot be read or is empty.
    pub fn resolve_credentials(&self) -> Result<Option<SmtpUrl>, PasswordFileError> {
        let Some(url) = self.url.clone() else {
            return Ok(None);
        };
        if let Some(password) = &self.password {
            return Ok(Some(url.with_password(password.clone())));
        }
        let Some(file) = &self.password_file else {
            return Ok(Some(url));
        };
        let password =
            std::fs::read_to_string(file).map_err(|error| PasswordFileError::Unreadable {
                file: file.clone(),
                error,
            })?;
        let password = password.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(PasswordFileError::Empty { file: file.clone() });
        }
        Ok(Some(url.with_password(password.into())))
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn smtp(url: &str, password_file: PathBuf) -> Smtp {
        Smtp {
            url: Some(SmtpUrl::parse(url).unwrap()),
            password: None,
            password_file: Some(password_file),
            connections: 1,
            rate_per_second: None,
            messages_per_connection: 100,
            return_path: None,
            in_doubt: InDoubtPolicy::Hold,
        }
    }

    #[test]
    fn resolve_credentials_reads_password_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        std::fs::write(&file, "p@:/?# ss\n").unwrap();

        let url = smtp("smtp://user@mail.example:587?tls=required", file.clone())
            .resolve_credentials()
            .unwrap()
            .unwrap();
        let (user, password) = url.credentials().unwrap();
        assert_eq!((user, password.expose_secret()), ("user", "p@:/?# ss"));
        assert_eq!((url.host(), url.port()), ("mail.example", 587));

        std::fs::write(&file, "\n").unwrap();
        assert!(matches!(
            smtp("smtp://user@h", file).resolve_credentials(),
            Err(PasswordFileError::Empty { .. })
        ));
        let missing = smtp("smtp://user@h", dir.path().join("none")).resolve_credentials();
        assert!(matches!(missing, Err(PasswordFileError::Unreadable { .. })));
    }
}
