//! The URL of an SMTP server.

use percent_encoding::percent_decode_str;
use secrecy::SecretString;
use url::Url;

use crate::domain::public_url;

/// When a connection is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// Never: `smtp://host`, or explicitly `?tls=none`.
    None,
    /// With STARTTLS if the server offers it: `?tls=opportunistic`.
    ///
    /// Without TLS no password is sent, and a failed handshake is an error.
    Opportunistic,
    /// With STARTTLS, otherwise nothing is sent: `?tls=required`.
    Required,
    /// From the first byte: `smtps://host`.
    Implicit,
}

impl TlsMode {
    /// Returns the usual port: 25, 587 (RFC 6409) or 465 (RFC 8314).
    const fn default_port(self) -> u16 {
        match self {
            Self::None => 25,
            Self::Opportunistic | Self::Required => 587,
            Self::Implicit => 465,
        }
    }
}

/// An SMTP server: host, port, encryption, credentials and the name for EHLO.
///
/// The form is
/// `smtp://[user:password@]host[:port][/hello][?tls=required|opportunistic|none]` or
/// `smtps://…`. `Debug` does not print the password.
#[derive(Clone, Debug)]
pub struct SmtpUrl {
    host: String,
    port: u16,
    tls: TlsMode,
    user: Option<String>,
    password: Option<SecretString>,
    hello: Option<String>,
    is_loopback: bool,
}

/// A text is not the URL of an SMTP server. Never quotes a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SmtpUrlError {
    /// Not a URL, no host, or another scheme.
    #[error(
        "expected a URL like smtp://user:password@host:587?tls=required or smtps://user:password@host (in a password, @ : / ? # are written %40 %3A %2F %3F %23; or use smtp.password_file)"
    )]
    Form,
    /// An unknown value of `?tls=`.
    #[error("expected tls=required, tls=opportunistic or tls=none, got '{0}'")]
    Tls(String),
    /// A query parameter other than `tls`.
    #[error("unknown option '{0}'; expected only tls, as in ?tls=required")]
    Option(String),
    /// User name or password is not valid.
    #[error("expected user and password in UTF-8, percent-encoded, without control characters")]
    Credentials,
    /// A password, but no user name.
    #[error("a password without a user name; expected smtp://user:password@host")]
    NoUser,
}

impl SmtpUrl {
    /// Parses the URL.
    ///
    /// # Errors
    /// [`SmtpUrlError`] if the form, an option or the credentials are invalid.
    pub fn parse(text: &str) -> Result<Self, SmtpUrlError> {
        let url = Url::parse(text.trim()).map_err(|_| SmtpUrlError::Form)?;
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or(SmtpUrlError::Form)?;
        if url.fragment().is_some() {
            return Err(SmtpUrlError::Form);
        }
        let tls = tls_mode(&url)?;
        let user = Some(decode(url.username())?).filter(|user| !user.is_empty());
        let password = url.password().map(decode).transpose()?;
        if user.is_none() && password.is_some() {
            return Err(SmtpUrlError::NoUser);
        }
        let hello = url.path().trim_matches('/');
        Ok(Self {
            host: host.to_owned(),
            port: url.port().unwrap_or(tls.default_port()),
            tls,
            user,
            password: password.map(SecretString::from),
            hello: (!hello.is_empty()).then(|| hello.to_owned()),
            is_loopback: public_url::is_loopback(&url),
        })
    }

    /// Returns the host name or IP address as in a URL: IPv6 addresses are in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port: that of the URL, or the usual one of the TLS mode.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns when the connection is encrypted.
    pub const fn tls(&self) -> TlsMode {
        self.tls
    }

    /// Returns whether the URL contains a user name.
    pub const fn has_user(&self) -> bool {
        self.user.is_some()
    }

    /// Returns whether the password is known.
    pub const fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Returns user name and password if both are known.
    pub fn credentials(&self) -> Option<(&str, &SecretString)> {
        self.user.as_deref().zip(self.password.as_ref())
    }

    /// Returns the name for EHLO, if the URL has one as its path.
    pub fn hello(&self) -> Option<&str> {
        self.hello.as_deref()
    }

    /// Returns whether the server is on this machine.
    pub const fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Replaces the password.
    #[must_use]
    pub fn with_password(mut self, password: SecretString) -> Self {
        self.password = Some(password);
        self
    }
}

fn tls_mode(url: &Url) -> Result<TlsMode, SmtpUrlError> {
    let is_implicit = match url.scheme() {
        "smtp" => false,
        "smtps" => true,
        _ => return Err(SmtpUrlError::Form),
    };
    let mut mode = TlsMode::None;
    for (option, value) in url.query_pairs() {
        mode = match (option.as_ref(), value.as_ref()) {
            ("tls", "none") => TlsMode::None,
            ("tls", "opportunistic") => TlsMode::Opportunistic,
            ("tls", "required") => TlsMode::Required,
            ("tls", other) => return Err(SmtpUrlError::Tls(other.to_owned())),
            (other, _) => return Err(SmtpUrlError::Option(other.to_owned())),
        };
    }
    Ok(if is_implicit { TlsMode::Implicit } else { mode })
}

fn decode(text: &str) -> Result<String, SmtpUrlError> {
    let text = percent_decode_str(text).decode_utf8();
    let text = text.map_err(|_| SmtpUrlError::Credentials)?;
    if text.chars().any(char::is_control) {
        return Err(SmtpUrlError::Credentials);
    }
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn parse_valid_url_returns_host_port_and_tls() {
        for (text, host, port, tls, is_loopback) in [
            ("smtp://localhost", "localhost", 25, TlsMode::None, true),
            (
                "smtp://127.0.0.1:1025",
                "127.0.0.1",
                1025,
                TlsMode::None,
                true,
            ),
            (
                "smtp://[::1]:2525/helo.example",
                "[::1]",
                2525,
                TlsMode::None,
                true,
            ),
            ("smtp://h?tls=none", "h", 25, TlsMode::None, false),
            (
                "smtp://user:p%40ss@mail.example?tls=required",
                "mail.example",
                587,
                TlsMode::Required,
                false,
            ),
            (
                "smtp://mail.example:25?tls=opportunistic",
                "mail.example",
                25,
                TlsMode::Opportunistic,
                false,
            ),
            (
                "smtps://user:pass@mail.example",
                "mail.example",
                465,
                TlsMode::Implicit,
                false,
            ),
        ] {
            let url = SmtpUrl::parse(text).unwrap();

            assert_eq!((url.host(), url.port()), (host, port), "{text}");
            assert_eq!((url.tls(), url.is_loopback()), (tls, is_loopback), "{text}");
            assert!(!format!("{url:?}").contains("ss\""), "{text}");
        }
    }

    #[test]
    fn parse_credentials_decodes_them() {
        let url = SmtpUrl::parse("smtp://user%40example.com:p%3Aw@host/mail.example.org").unwrap();

        let (user, password) = url.credentials().unwrap();
        assert_eq!(user, "user@example.com");
        assert_eq!(password.expose_secret(), "p:w");
        assert_eq!(url.hello(), Some("mail.example.org"));
    }

    #[test]
    fn with_password_replaces_password_of_url() {
        let url = SmtpUrl::parse("smtp://me:old@host").unwrap();

        let url = url.with_password("new".into());

        let (user, password) = url.credentials().unwrap();
        assert_eq!((user, password.expose_secret()), ("me", "new"));
    }

    #[test]
    fn parse_invalid_url_returns_error_without_password() {
        for (text, error) in [
            ("", SmtpUrlError::Form),
            ("mail.example:587", SmtpUrlError::Form),
            ("mail.example", SmtpUrlError::Form),
            ("http://me:hunter2@mail.example", SmtpUrlError::Form),
            ("smtp://", SmtpUrlError::Form),
            ("smtp://me:hunter2@", SmtpUrlError::Form),
            ("smtp://me:hunter2@host:port", SmtpUrlError::Form),
            ("smtp://u:p#x@mail.example", SmtpUrlError::Form),
            ("smtp://h?tls=maybe", SmtpUrlError::Tls("maybe".into())),
            ("smtp://h?ssl=1", SmtpUrlError::Option("ssl".into())),
            (
                "smtp://me:hunter2%0d%0aRSET@host",
                SmtpUrlError::Credentials,
            ),
            ("smtp://me:hunter2%ff@host", SmtpUrlError::Credentials),
            ("smtp://:hunter2@host", SmtpUrlError::NoUser),
        ] {
            let actual = SmtpUrl::parse(text).unwrap_err();

            assert_eq!(actual, error, "{text}");
            assert!(!actual.to_string().contains("hunter2"), "{text}");
        }
    }
}
