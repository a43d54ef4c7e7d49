//! How mail leaves.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use crate::config::reader::{ConfigReader, ReadResult, number, text};
use crate::config::values::path;
use crate::domain::delivery::verp::ReturnPath;
use crate::domain::public_url;

#[derive(Clone, Debug)]
pub struct Smtp {
    /// None: mail goes to the outbox.
    pub url: Option<SmtpUrl>,
    /// Where it does not stand in the URL.
    pub password: Option<SecretString>,
    pub password_file: Option<PathBuf>,
    pub connections: u16,
    /// The whole newsletter's, shared by its processes.
    pub rate_per_second: Option<u32>,
    pub return_path: Option<ReturnPath>,
    pub in_doubt: InDoubtPolicy,
}

/// What becomes of a mail that the server may or may not have taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InDoubtPolicy {
    /// Send the same bytes under the same Message-ID again.
    Resend,
    /// Leave it to the editor.
    Hold,
}

/// An SMTP server, its login and its TLS, as lettre reads them from a URL.
#[derive(Clone, Debug)]
pub struct SmtpUrl {
    url: SecretString,
    host: String,
    user: bool,
    password: bool,
    loopback: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmtpUrlError {
    #[error(
        "expected a URL like smtp://user:password@host:587?tls=required or smtps://user:password@host (in a password, @ : / ? # are written %40 %3A %2F %3F %23; or use smtp.password_file)"
    )]
    Form,
    #[error("tls is one of required, opportunistic and none, got '{0}'")]
    Tls(String),
    #[error("'{0}' is no option of it; the only one is tls, as in ?tls=required")]
    Option(String),
}

#[derive(Debug, thiserror::Error)]
pub enum PasswordFileError {
    #[error("smtp.password_file: {} cannot be read: {error}", file.display())]
    Unreadable {
        file: PathBuf,
        error: std::io::Error,
    },
    #[error("smtp.password_file: {} is empty", file.display())]
    Empty { file: PathBuf },
}

impl SmtpUrl {
    /// # Errors
    /// What is wrong with `text`; no password is ever quoted.
    pub fn parse(text: &str) -> Result<Self, SmtpUrlError> {
        let url = Url::parse(text.trim()).map_err(|_| SmtpUrlError::Form)?;
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or(SmtpUrlError::Form)?;
        if !matches!(url.scheme(), "smtp" | "smtps") || url.fragment().is_some() {
            return Err(SmtpUrlError::Form);
        }
        for (option, value) in url.query_pairs() {
            if option != "tls" {
                return Err(SmtpUrlError::Option(option.into_owned()));
            }
            if !matches!(value.as_ref(), "required" | "opportunistic" | "none") {
                return Err(SmtpUrlError::Tls(value.into_owned()));
            }
        }
        Ok(Self {
            host: host.to_owned(),
            user: !url.username().is_empty(),
            password: url.password().is_some(),
            loopback: public_url::is_loopback(&url),
            url: url.as_str().into(),
        })
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn has_password(&self) -> bool {
        self.password
    }

    pub fn is_loopback(&self) -> bool {
        self.loopback
    }

    /// The whole URL, password and all.
    pub fn secret(&self) -> &SecretString {
        &self.url
    }

    fn with_password(&self, password: &str) -> Self {
        let mut with = self.clone();
        if let Ok(mut url) = Url::parse(self.url.expose_secret())
            && url.set_password(Some(password)).is_ok()
        {
            with.url = url.as_str().into();
            with.password = true;
        }
        with
    }
}

impl Smtp {
    pub(super) fn read(reader: &mut ConfigReader) -> ReadResult<Self> {
        let url = reader.optional("smtp.url", text(SmtpUrl::parse));
        let password = reader.optional("smtp.password", text(secret));
        let password_file = reader.optional("smtp.password_file", text(path));
        let connections = reader.needed("smtp.connections", number(1..=1000));
        let rate_per_second = reader.optional("smtp.rate_per_second", number(1..=100_000));
        let return_path = reader.optional("smtp.return_path", text(ReturnPath::parse));
        let in_doubt = reader.needed("smtp.in_doubt", text(in_doubt));
        let (url, password, password_file) = (url?, password?, password_file?);
        let kept = [
            password.as_ref().map(|_| "smtp.password"),
            password_file.as_ref().map(|_| "smtp.password_file"),
        ];
        check_login(reader, url.as_ref(), kept)?;
        Ok(Self {
            url,
            password,
            password_file,
            connections: connections?,
            rate_per_second: rate_per_second?,
            return_path: return_path?,
            in_doubt: in_doubt?,
        })
    }

    /// The server with its password in the URL, wherever it was kept; none without a
    /// server.
    ///
    /// # Errors
    /// When the file cannot be read, or holds nothing.
    pub fn login(&self) -> Result<Option<SmtpUrl>, PasswordFileError> {
        let Some(url) = &self.url else {
            return Ok(None);
        };
        if let Some(password) = &self.password {
            return Ok(Some(url.with_password(password.expose_secret())));
        }
        let Some(file) = &self.password_file else {
            return Ok(Some(url.clone()));
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
        Ok(Some(url.with_password(password)))
    }
}

fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(text.into())
}

fn in_doubt(text: &str) -> Result<InDoubtPolicy, String> {
    match text {
        "resend" => Ok(InDoubtPolicy::Resend),
        "hold" => Ok(InDoubtPolicy::Hold),
        other => Err(format!("expected 'resend' or 'hold', got '{other}'")),
    }
}

/// Half a login would be no login: mail would be refused one by one, at night. `kept` are
/// the settings that hold a password beside the URL.
fn check_login(
    reader: &mut ConfigReader,
    url: Option<&SmtpUrl>,
    kept: [Option<&'static str>; 2],
) -> ReadResult<()> {
    let kept: Vec<&str> = kept.into_iter().flatten().collect();
    let says = |key, says| Err((key, says));
    let checked = match (url, kept.as_slice()) {
        (Some(url), _) if url.password && reader.is_from_desk("smtp.url") => says(
            "smtp.url",
            "a password is not kept at the desk; set smtp.password_file or smtp.password",
        ),
        (_, [_, second, ..]) => says(second, "smtp.password is set already; keep one of them"),
        (Some(url), []) if url.user && !url.password => says(
            "smtp.url",
            "a user name but no password; add it, or set smtp.password_file",
        ),
        (Some(url), [key]) if url.password => {
            says(key, "smtp.url has a password already; keep one of them")
        }
        (Some(url), [key]) if !url.user => says(
            key,
            "smtp.url needs a user name to go with it, as in smtp://user@host",
        ),
        _ => Ok(()),
    };
    checked.map_err(|(key, says)| reader.fault(key, says))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_host_login_and_tls() {
        for (text, host, loopback) in [
            ("smtp://127.0.0.1:1025", "127.0.0.1", true),
            (
                "smtp://user:p%40ss@mail.example:587?tls=required",
                "mail.example",
                false,
            ),
            ("smtps://user:pass@mail.example", "mail.example", false),
            ("smtp://[::1]:25/helo.example", "[::1]", true),
        ] {
            let url = SmtpUrl::parse(text).unwrap();
            assert_eq!((url.host(), url.is_loopback()), (host, loopback), "{text}");
            assert!(!format!("{url:?}").contains("ss@"));
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for text in [
            "",
            "mail.example:587",
            "mail.example",
            "http://mail.example",
            "smtp://",
            "smtp://u:p#x@mail.example",
        ] {
            assert_eq!(
                SmtpUrl::parse(text).unwrap_err(),
                SmtpUrlError::Form,
                "{text}"
            );
        }
        assert_eq!(
            SmtpUrl::parse("smtp://h?tls=yes").unwrap_err(),
            SmtpUrlError::Tls("yes".into())
        );
        assert_eq!(
            SmtpUrl::parse("smtp://h?ssl=1").unwrap_err(),
            SmtpUrlError::Option("ssl".into())
        );
    }

    fn smtp(url: &str, password_file: PathBuf) -> Smtp {
        Smtp {
            url: Some(SmtpUrl::parse(url).unwrap()),
            password: None,
            password_file: Some(password_file),
            connections: 1,
            rate_per_second: None,
            return_path: None,
            in_doubt: InDoubtPolicy::Hold,
        }
    }

    #[test]
    fn the_password_file_completes_the_url() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("password");
        std::fs::write(&file, "p@:/?# ss\n").unwrap();
        let login = smtp("smtp://user@mail.example:587?tls=required", file.clone())
            .login()
            .unwrap()
            .unwrap();
        let url = Url::parse(login.secret().expose_secret()).unwrap();
        assert_eq!(url.password(), Some("p%40%3A%2F%3F%23%20ss"));
        assert_eq!(
            (url.username(), url.port(), url.query()),
            ("user", Some(587), Some("tls=required"))
        );

        std::fs::write(&file, "\n").unwrap();
        assert!(matches!(
            smtp("smtp://user@h", file).login(),
            Err(PasswordFileError::Empty { .. })
        ));
        let missing = smtp("smtp://user@h", dir.path().join("none")).login();
        assert!(matches!(missing, Err(PasswordFileError::Unreadable { .. })));
    }
}
