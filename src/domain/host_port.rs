//! Host and port, written `host:port`.

use std::fmt;

use url::Host;

/// Address of a service: `127.0.0.1:8000`, `[::1]:8000`, `blog.internal:80`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HostPort {
    host: Host,
    port: u16,
}

/// Error of [`HostPort::parse`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a host and port; expected one like blog.internal:80 or [::1]:8000")]
pub struct HostPortError(String);

impl HostPort {
    /// Parses `host:port`.
    ///
    /// # Errors
    /// Returns [`HostPortError`] if `text` has another form or the port is 0.
    pub fn parse(text: &str) -> Result<Self, HostPortError> {
        let error = || HostPortError(text.to_owned());
        let (host, port) = text.trim().rsplit_once(':').ok_or_else(error)?;
        let host = Host::parse(host).map_err(|_| error())?;
        let port = port
            .parse()
            .ok()
            .filter(|port| *port != 0)
            .ok_or_else(error)?;
        Ok(Self { host, port })
    }

    /// Returns the host: names in lower case, IPv6 addresses without brackets.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// Returns the port, which is never 0.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_accepts_names_and_ip_addresses() {
        for (text, shown) in [
            ("127.0.0.1:8000", "127.0.0.1:8000"),
            ("[::1]:8000", "[::1]:8000"),
            ("Blog.Internal:80", "blog.internal:80"),
        ] {
            assert_eq!(HostPort::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn parse_other_text_returns_error() {
        for text in [
            "",
            "blog",
            "blog:",
            ":80",
            "blog:0",
            "blog:65536",
            "::1:80",
            "http://blog:80",
            "a b:80",
        ] {
            assert!(HostPort::parse(text).is_err(), "{text}");
        }
    }
}
