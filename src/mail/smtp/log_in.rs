//! AUTH (RFC 4954), by PLAIN (RFC 4616) or LOGIN.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};

use super::capabilities::Capabilities;
use super::error::settings;
use crate::domain::outcome::Report;

/// A user of the mail server.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub user: String,
    pub password: SecretString,
}

/// What to send, line by line, each but the last being answered by a 334.
pub(super) fn lines(
    credentials: &Credentials,
    offered: &Capabilities,
) -> Result<Vec<SecretString>, Report> {
    let user = &credentials.user;
    let password = credentials.password.expose_secret();
    if offered.auth_plain {
        let both = STANDARD.encode(format!("\0{user}\0{password}"));
        Ok(vec![format!("AUTH PLAIN {both}\r\n").into()])
    } else if offered.auth_login {
        Ok(vec![
            "AUTH LOGIN\r\n".to_owned().into(),
            format!("{}\r\n", STANDARD.encode(user)).into(),
            format!("{}\r\n", STANDARD.encode(password)).into(),
        ])
    } else {
        Err(settings(
            "smtp.url names a user, but the server offers no log-in by PLAIN or LOGIN",
        ))
    }
}
