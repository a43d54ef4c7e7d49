//! `smtp.url`: which server, how, and as whom.

use std::fmt;
use std::net::IpAddr;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::extension::ClientId;
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret, SecretString};
use tokio_rustls::TlsConnector;
use url::Url;

use crate::mail::smtp::tls;

/// When a connection becomes an encrypted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// Never: `smtp://host`, or `?tls=none` to say so.
    None,
    /// By STARTTLS where the server offers it: `?tls=opportunistic`. A password is not
    /// sent where it does not, and a failed handshake is a failure.
    Opportunistic,
    /// By STARTTLS, or not at all: `?tls=required`.
    Required,
    /// From the first byte on: `smtps://host`.
    Implicit,
}

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

/// What is wrong with `smtp.url`. No message holds a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmtpUrlError {
    #[error("smtp.url: '{0}' is no URL; expected smtp://user:password@host:587?tls=required")]
    Malformed(String),
    #[error("smtp.url: no host in '{0}'")]
    NoHost(String),
    #[error("smtp.url: expected smtp:// or smtps://, not {0}://")]
    Scheme(String),
    #[error("smtp.url: tls is 'required' or 'opportunistic', not '{0}'")]
    Tls(String),
    #[error("smtp.url: a user without a password; put it behind the user or in smtp.password_file")]
    NoPassword,
    #[error("smtp.url: a password without a user; expected smtp://user@host")]
    NoUser,
    #[error(
        "smtp.url: the user and password must be UTF-8, percent-encoded, without control characters"
    )]
    Credentials,
    #[error("smtp.url: the path is the name to say hello with: {0}")]
    Hello(#[from] HelloNameError),
    #[error(
        "smtp.url: TLS was asked for, but this machine trusts no certificates; install ca-certificates"
    )]
    NoRoots,
}

impl SmtpServer {
    /// Reads a URL as lettre does: `smtp://[user:password@]host[:port][/hello][?tls=required|opportunistic]`
    /// or `smtps://…`. `password`, from a file of its own, goes before the one in the URL.
    ///
    /// # Errors
    /// What is wrong, without the password.
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
                _ => Some(tls::of_this_machine().ok_or(SmtpUrlError::NoRoots)?),
            },
        })
    }

    /// Where it is, for people: host and port.
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    pub fn mode(&self) -> TlsMode {
        self.mode
    }

    /// Whether it is on this machine.
    pub fn is_loopback(&self) -> bool {
        self.host.eq_ignore_ascii_case("localhost")
            || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// The name to say hello with that the URL asks for.
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

/// The URL without what may be a password. It may not parse, so the last `@` counts.
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
        write!(f, "SmtpServer({}, {:?})", self.place(), self.mode)
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

    fn parse(text: &str) -> Result<SmtpServer, SmtpUrlError> {
        SmtpServer::parse(text, None)
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
    fn reads_what_lettre_reads() {
        for (text, place, mode) in [
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
                (server.place().as_str(), server.mode()),
                (place, mode),
                "{text}"
            );
        }
        let server = parse("smtp://user%40example.com:p%3Aw@host/mail.example.org").unwrap();
        assert_eq!(server.hello_name().unwrap().to_string(), "mail.example.org");
        assert_eq!(by_plain(&server), "\0user@example.com\0p:w");
    }

    #[test]
    fn the_password_of_a_file_goes_first() {
        let server =
            SmtpServer::parse("smtp://me:old@host", Some("new".to_owned().into())).unwrap();
        assert_eq!(by_plain(&server), "\0me\0new");
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
    fn faults_are_named_and_passwords_are_not() {
        for (text, says) in [
            ("smtp://", "smtp.url: no host in 'smtp://'"),
            ("smtp://me:hunter2@", "smtp.url: 'smtp://…@' is no URL"),
            (
                "smtp://me:hunter2@host:port",
                "smtp.url: 'smtp://…@host:port' is no URL",
            ),
            ("mail.example.com", "is no URL"),
            ("http://me:hunter2@host", "not http://"),
            ("smtp://me:hunter2@host?tls=maybe", "not 'maybe'"),
            ("smtp://me:hunter2%0d%0aRSET@host", "control characters"),
            ("smtp://host/a%20b", "say hello"),
        ] {
            let error = parse(text)
                .map(|server| server.place())
                .unwrap_err()
                .to_string();
            assert!(error.contains(says), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert_eq!(
            parse("smtp://").unwrap_err().to_string(),
            "smtp.url: no host in 'smtp://'"
        );
        assert!(!format!("{:?}", parse("smtp://me:hunter2@host").unwrap()).contains("hunter2"));
    }

    #[test]
    fn knows_this_machine() {
        for (text, here) in [
            ("localhost", true),
            ("127.0.0.2", true),
            ("[::1]", true),
            ("mail.example.com", false),
        ] {
            assert_eq!(
                parse(&format!("smtp://{text}")).unwrap().is_loopback(),
                here,
                "{text}"
            );
        }
    }
}
