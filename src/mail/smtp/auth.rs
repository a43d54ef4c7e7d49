//! AUTH (RFC 4954) with the mechanisms PLAIN (RFC 4616) and LOGIN.

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::commands::Auth;
use secrecy::SecretString;

use crate::domain::delivery::outcome::SmtpResult;
use crate::mail::smtp::capabilities::Capabilities;
use crate::mail::smtp::error::settings_error;

/// Returns the lines to send. The server replies 334 to each except the last.
///
/// # Errors
///
/// Returns [`Outcome::Halted`](crate::domain::delivery::outcome::Outcome::Halted) if the
/// server offers neither PLAIN nor LOGIN.
pub(super) fn auth_lines(
    credentials: &Credentials,
    offered: &Capabilities,
) -> Result<Vec<SecretString>, SmtpResult> {
    // LOGIN asks for user name and password. Servers word the challenges differently, so
    // they are not matched; lettre gets the wording that it knows.
    let (mechanism, challenges): (_, &[Option<&str>]) = if offered.auth_plain {
        (Mechanism::Plain, &[None])
    } else if offered.auth_login {
        (
            Mechanism::Login,
            &[None, Some("Username:"), Some("Password:")],
        )
    } else {
        return Err(settings_error(
            "smtp.url contains a user name, but the server offers neither AUTH PLAIN nor AUTH LOGIN",
        ));
    };
    challenges
        .iter()
        .map(|challenge| {
            // Must not be logged: the `Debug` output of `Auth` contains the password.
            Auth::new(mechanism, credentials.clone(), challenge.map(str::to_owned))
                .map(|command| command.to_string().into())
                .map_err(|error| {
                    settings_error(&format!("cannot encode the AUTH command: {error}"))
                })
        })
        .collect()
}
