//! AUTH (RFC 4954), by PLAIN (RFC 4616) or LOGIN.

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::commands::Auth;
use secrecy::SecretString;

use crate::domain::delivery::outcome::SmtpResult;
use crate::mail::smtp::capabilities::Capabilities;
use crate::mail::smtp::error::settings;

/// What to send, line by line, each but the last being answered by a 334.
pub(super) fn lines(
    credentials: &Credentials,
    offered: &Capabilities,
) -> Result<Vec<SecretString>, SmtpResult> {
    // LOGIN asks for the user, then for the password, in whatever words a server likes:
    // lettre gets the words it knows.
    let (mechanism, questions): (_, &[Option<&str>]) = if offered.auth_plain {
        (Mechanism::Plain, &[None])
    } else if offered.auth_login {
        (
            Mechanism::Login,
            &[None, Some("Username:"), Some("Password:")],
        )
    } else {
        return Err(settings(
            "smtp.url names a user, but the server offers no log-in by PLAIN or LOGIN",
        ));
    };
    questions
        .iter()
        .map(|question| {
            // Never to be logged: its `Debug` shows the password.
            Auth::new(mechanism, credentials.clone(), question.map(str::to_owned))
                .map(|command| command.to_string().into())
                .map_err(|error| settings(&format!("the log-in cannot be written: {error}")))
        })
        .collect()
}
