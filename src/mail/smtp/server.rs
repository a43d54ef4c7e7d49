//! Mail server as described by `smtp.url`: address, TLS mode and credentials.

use std::fmt;
use std::net::IpAddr;

use lettre::transport::smtp::authentication::Credentials;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use tokio_rustls::TlsConnector;
use url::Url;

use crate::mail::smtp::hello_name::{HelloName, HelloNameError};
use crate::mail::smtp::tls;

/// When a connection switches to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// Never: `smtp://host` or `?tls=none`.
    None,
    /// With STARTTLS if the server offers it: `?tls=opportunistic`.
    ///
    /// Without the offer no password is sent, and a failed handshake is an error.
    Opportunistic,
    /// Always with STARTTLS: `?tls=required`.
    Required,
    /// Before the greeting: `smtps://host`.
    Implicit,
}

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

/// Why `smtp.url` is invalid. The messages never contain the password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmtpUrlError {
    /// The value is not a URL.
    #[error(
        "smtp.url: '{0}' is not a valid URL; expected smtp://user:password@host:587?tls=required"
    )]
    Malformed(String),
    /// The URL has no host.
    #[error("smtp.url: '{0}' has no host; expected smtp://host")]
    NoHost(String),
    /// The scheme is unknown.
    #[error("smtp.url: '{0}://' is not supported; expected smtp:// or smtps://")]
    Scheme(String),
    /// The `tls` parameter is unknown.
    #[error("smtp.url: '{0}' is not a valid tls mode; expected required or opportunistic")]
    Tls(String),
    /// A user name without a password.
    #[error("smtp.url: the user has no password; expected one in smtp.url or smtp.password_file")]
    NoPassword,
    /// A password without a user name.
    #[error("smtp.url: the password has no user; expected smtp://user@host")]
    NoUser,
    /// User name or password cannot be decoded.
    #[error(
        "smtp.url: user and password must be UTF-8, percent-encoded, without control characters"
    )]
    Credentials,
    /// The path is not a valid EHLO name.
    #[error("smtp.url: the path is not a valid EHLO name: {0}")]
    Hello(#[from] HelloNameError),
    /// The system has no root certificates.
    #[error(
        "smtp.url: TLS needs root certificates, and this system has none; install ca-certificates"
    )]
    NoRoots,
}

impl SmtpServer {
    /// Parses a URL of lettre's format.
    ///
    /// The format is `smtp://[user:password@]host[:port][/ehlo-name][?tls=required|opportunistic]`
    /// or `smtps://…`. `password` comes from a file and takes precedence over the URL's.
    ///
    /// # Errors
    ///
    /// Returns an [`SmtpUrlError`] that names the invalid part, and
    /// [`SmtpUrlError::NoRoots`] if TLS is requested without root certificates.
    pub fn parse(text: &str, password: Option<SecretString>) -> Result<Self, SmtpUrlError> {
        let url = Url::parse(text).map_err(|_| SmtpUrlError::Malformed(redacted(text)))?;
        let tls = url
            .query_pairs()
            .find(|(key, _)| key == "tls")
            .map(|(_, value)| value.into_owned());
        let (mode, port) = match (url.scheme(), tls.as_deref()) {
            ("smtp", None | Some("none")) => (TlsMode::None, 25),
            ("smtp", Some("required")) => (TlsMode::Required, 587),
            ("smtp", Some("opportunistic")) => (TlsMode::Opportunistic, 587),
            ("smtps", _) => (TlsMode::Implicit, 465),
            ("smtp", Some(other)) => return Err(SmtpUrlError::Tls(other.to_owned())),
            (other, _) => return Err(SmtpUrlError::Scheme(other.to_owned())),
        };
        let host = url
            .host_str()
            .map(|host| host.trim_matches(['[', ']']))
            .filter(|host| !host.is_empty())
            .ok_or_else(|| SmtpUrlError::NoHost(redacted(text)))?;
        let hello = url.path().trim_matches('/');
        Ok(Self {
            host: host.to_owned(),
            port: url.port().unwrap_or(port),
            mode,
            credentials: credentials(&url, password)?,
            hello: (!hello.is_empty())
                .then(|| HelloName::parse(hello))
                .transpose()?,
            tls: match mode {
                TlsMode::None => None,
                _ => Some(tls::system_connector().ok_or(SmtpUrlError::NoRoots)?),
            },
        })
    }

    /// Returns host and port for display.
    pub fn display_name(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Returns when a connection switches to TLS.
    pub fn mode(&self) -> TlsMode {
        self.mode
    }

    /// Returns whether the server runs on this machine.
    pub fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Returns the EHLO name in the URL.
    pub fn hello_name(&self) -> Option<&HelloName> {
        self.hello.as_ref()
    }
}

fn credentials(
    url: &Url,
    password: Option<SecretString>,
) -> Result<Option<Credentials>, SmtpUrlError> {
    let decode = |text: &str| {
        let text = percent_decode_str(text)
            .decode_utf8()
            .map_err(|_| SmtpUrlError::Credentials)?;
        if text.chars().any(char::is_control) {
            return Err(SmtpUrlError::Credentials);
        }
        Ok(text.into_owned())
    };
    let user = decode(url.username())?;
    let in_url = url.password().map(decode).transpose()?;
    let password = password.map(|password| password.expose_secret().to_owned());
    match (user.is_empty(), password.or(in_url)) {
        (true, None) => Ok(None),
        (true, Some(_)) => Err(SmtpUrlError::NoUser),
        (false, None) => Err(SmtpUrlError::NoPassword),
        (false, Some(password)) => Ok(Some(Credentials::new(user, password))),
    }
}

/// Removes the credentials from a URL.
///
/// The URL may be invalid, so everything before the last `@` is removed.
fn redacted(text: &str) -> String {
    match text.rsplit_once('@') {
        Some((before, after)) => {
            let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
            format!("{scheme}://…@{after}")
        }
        None => text.to_owned(),
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

    fn parse(text: &str) -> Result<SmtpServer, SmtpUrlError> {
        SmtpServer::parse(text, None)
    }

    /// Returns the PLAIN response, because lettre has no getters for credentials.
    fn plain_response(server: &SmtpServer) -> String {
        let credentials = server.credentials.as_ref().unwrap();
        Mechanism::Plain.response(credentials, None).unwrap()
    }

    #[test]
    fn url_of_lettre_format_is_parsed() {
        for (text, name, mode) in [
            ("smtp://localhost", "localhost:25", TlsMode::None),
            ("smtp://127.0.0.1:2525", "127.0.0.1:2525", TlsMode::None),
            ("smtp://[::1]:2525", "::1:2525", TlsMode::None),
            (
                "smtp://mail.example.com?tls=required",
                "mail.example.com:587",
                TlsMode::Required,
            ),
            (
                "smtp://mail.example.com:25?tls=opportunistic",
                "mail.example.com:25",
                TlsMode::Opportunistic,
            ),
            (
                "smtps://mail.example.com",
                "mail.example.com:465",
                TlsMode::Implicit,
            ),
        ] {
            let server = parse(text).unwrap();
            assert_eq!(
                (server.display_name().as_str(), server.mode()),
                (name, mode),
                "{text}"
            );
        }
        let server = parse("smtp://user%40example.com:p%3Aw@host/mail.example.org").unwrap();
        assert_eq!(server.hello_name().unwrap().to_string(), "mail.example.org");
        assert_eq!(plain_response(&server), "\0user@example.com\0p:w");
    }

    #[test]
    fn password_file_takes_precedence() {
        let server =
            SmtpServer::parse("smtp://me:old@host", Some("new".to_owned().into())).unwrap();
        assert_eq!(plain_response(&server), "\0me\0new");
        assert_eq!(
            parse("smtp://me@host").unwrap_err(),
            SmtpUrlError::NoPassword
        );
        assert_eq!(
            SmtpServer::parse("smtp://host", Some("x".to_owned().into())).unwrap_err(),
            SmtpUrlError::NoUser
        );
    }

    #[test]
    fn url_errors_never_contain_password() {
        for (text, expected) in [
            (
                "smtp://",
                "smtp.url: 'smtp://' has no host; expected smtp://host",
            ),
            (
                "smtp://me:hunter2@",
                "smtp.url: 'smtp://…@' is not a valid URL",
            ),
            (
                "smtp://me:hunter2@host:port",
                "smtp.url: 'smtp://…@host:port' is not a valid URL",
            ),
            ("mail.example.com", "is not a valid URL"),
            ("http://me:hunter2@host", "'http://' is not supported"),
            (
                "smtp://me:hunter2@host?tls=maybe",
                "'maybe' is not a valid tls mode",
            ),
            ("smtp://me:hunter2%0d%0aRSET@host", "control characters"),
            ("smtp://host/a%20b", "not a valid EHLO name"),
        ] {
            let error = parse(text)
                .map(|server| server.display_name())
                .unwrap_err()
                .to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert_eq!(
            parse("smtp://").unwrap_err().to_string(),
            "smtp.url: 'smtp://' has no host; expected smtp://host"
        );
        assert!(!format!("{:?}", parse("smtp://me:hunter2@host").unwrap()).contains("hunter2"));
    }

    #[test]
    fn loopback_hosts_are_recognized() {
        for (host, expected) in [
            ("localhost", true),
            ("127.0.0.2", true),
            ("[::1]", true),
            ("mail.example.com", false),
        ] {
            assert_eq!(
                parse(&format!("smtp://{host}")).unwrap().is_loopback(),
                expected,
                "{host}"
            );
        }
    }
}
