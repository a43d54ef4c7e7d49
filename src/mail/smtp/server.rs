//! `smtp.url`: which server, how, and as whom.

use std::fmt;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::extension::ClientId;
use secrecy::ExposeSecret;
use tokio_rustls::TlsConnector;

use crate::domain::smtp_url::{SmtpUrl, TlsMode};
use crate::mail::smtp::tls;

/// A mail server, as `smtp.url` describes it.
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

    /// Returns host and port for people.
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

/// Who we say we are in EHLO: a full domain name, or an address in brackets
/// (RFC 5321 §4.1.1.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelloName(ClientId);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a host name like mail.example.com or an address like [192.0.2.1]")]
pub struct HelloNameError;

impl HelloName {
    /// # Errors
    /// When `text` is neither a host name nor an address in brackets.
    pub fn parse(text: &str) -> Result<Self, HelloNameError> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
        if text.is_empty() || text.len() > 255 || !text.bytes().all(fits) {
            return Err(HelloNameError);
        }
        let literal = text
            .strip_prefix('[')
            .and_then(|text| text.strip_suffix(']'));
        let v6 = literal.and_then(|literal| literal.strip_prefix("IPv6:"));
        let id = match (literal, v6) {
            (None, _) if !text.contains(['[', ']', ':']) => Some(ClientId::Domain(text.to_owned())),
            (None, _) => None,
            (_, Some(v6)) => v6.parse().map(ClientId::Ipv6).ok(),
            (Some(v4), None) => v4.parse().map(ClientId::Ipv4).ok(),
        };
        id.map(Self).ok_or(HelloNameError)
    }

    pub(super) fn client_id(&self) -> &ClientId {
        &self.0
    }
}

impl fmt::Display for HelloName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use lettre::transport::smtp::authentication::Mechanism;

    use super::*;

    fn server(url: &str) -> Result<SmtpServer, SmtpServerError> {
        SmtpServer::new(&SmtpUrl::parse(url).unwrap())
    }

    /// lettre shows credentials in no other way.
    fn by_plain(server: &SmtpServer) -> String {
        let credentials = server.credentials.as_ref().unwrap();
        Mechanism::Plain.response(credentials, None).unwrap()
    }

    #[test]
    fn says_hello_by_name_or_address() {
        for text in [
            "mail.example.com",
            "my_host",
            "[192.0.2.1]",
            "[IPv6:2001:db8::1]",
        ] {
            assert_eq!(HelloName::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "a b",
            "mail.example.com\r\nRSET",
            "[192.0.2]",
            "[2001:db8::1]",
            "[a",
            "a]",
            "a:25",
        ] {
            assert_eq!(HelloName::parse(text), Err(HelloNameError), "{text}");
        }
    }

    #[test]
    fn new_copies_host_credentials_and_hello_name() {
        let server = server("smtp://user%40example.com:p%3Aw@[::1]:25/mail.example.org").unwrap();

        assert_eq!(server.display_name(), "::1:25");
        assert_eq!(server.hello_name().unwrap().to_string(), "mail.example.org");
        assert_eq!(by_plain(&server), "\0user@example.com\0p:w");
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
