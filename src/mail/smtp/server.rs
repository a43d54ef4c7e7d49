//! Mail server of `smtp.url`: address, TLS mode and credentials.

use std::fmt;

use lettre::transport::smtp::authentication::Credentials;
use secrecy::ExposeSecret;
use tokio_rustls::TlsConnector;

use crate::domain::smtp_url::{SmtpUrl, TlsMode};
use crate::mail::smtp::hello_name::{HelloName, HelloNameError};
use crate::mail::smtp::tls;

/// A mail server and how to connect to it.
#[derive(Clone)]
pub struct SmtpServer {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) mode: TlsMode,
    pub(super) tls: Option<TlsConnector>,
    pub(super) credentials: Option<Credentials>,
    hello: Option<HelloName>,
}

/// An SMTP server cannot be used although its URL is valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmtpServerError {
    /// A user name, but no password.
    #[error("smtp.url: a user name without a password; add it, or set smtp.password_file")]
    NoPassword,
    /// The path of the URL is not a name for EHLO.
    #[error("smtp.url: the path is not a name for EHLO: {0}")]
    Hello(#[from] HelloNameError),
    /// TLS is needed, but the system has no trusted certificates.
    #[error(
        "smtp.url: TLS needs trusted certificates, but this system has none; install ca-certificates"
    )]
    NoRoots,
}

impl SmtpServer {
    /// Prepares connections to the server of `url`.
    ///
    /// # Errors
    /// [`SmtpServerError::NoPassword`] if only the user name is known,
    /// [`SmtpServerError::Hello`] if the URL's path is not a host name, and
    /// [`SmtpServerError::NoRoots`] if TLS is needed and the system trusts no certificates.
    pub fn new(url: &SmtpUrl) -> Result<Self, SmtpServerError> {
        let credentials = url.credentials().map(|(user, password)| {
            Credentials::new(user.to_owned(), password.expose_secret().to_owned())
        });
        if url.has_user() && credentials.is_none() {
            return Err(SmtpServerError::NoPassword);
        }
        Ok(Self {
            host: url.host().trim_matches(['[', ']']).to_owned(),
            port: url.port(),
            mode: url.tls(),
            credentials,
            hello: url.hello().map(HelloName::parse).transpose()?,
            tls: match url.tls() {
                TlsMode::None => None,
                _ => Some(tls::system_connector().ok_or(SmtpServerError::NoRoots)?),
            },
        })
    }

    /// Returns host and port for display.
    pub fn display_name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Returns the name for EHLO that the URL specifies.
    pub fn hello_name(&self) -> Option<&HelloName> {
        self.hello.as_ref()
    }
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmtpServer({}, {:?})", self.display_name(), self.mode)
    }
}

#[cfg(test)]
mod tests {
    use lettre::transport::smtp::authentication::Mechanism;

    use super::*;

    fn server(url: &str) -> Result<SmtpServer, SmtpServerError> {
        SmtpServer::new(&SmtpUrl::parse(url).unwrap())
    }

    /// Returns the PLAIN response, because lettre has no getters for credentials.
    fn plain_response(server: &SmtpServer) -> String {
        let credentials = server.credentials.as_ref().unwrap();
        Mechanism::Plain.response(credentials, None).unwrap()
    }

    #[test]
    fn new_copies_host_credentials_and_hello_name() {
        let server = server("smtp://user%40example.com:p%3Aw@[::1]:25/mail.example.org").unwrap();

        assert_eq!(server.display_name(), "::1:25");
        assert_eq!(server.hello_name().unwrap().to_string(), "mail.example.org");
        assert_eq!(plain_response(&server), "\0user@example.com\0p:w");
        assert!(!format!("{server:?}").contains("p:w"));
    }

    #[test]
    fn new_unusable_url_returns_error() {
        for (url, error) in [
            ("smtp://me@host", SmtpServerError::NoPassword),
            ("smtp://host/a%20b", SmtpServerError::Hello(HelloNameError)),
        ] {
            assert_eq!(server(url).unwrap_err(), error, "{url}");
        }
    }
}
