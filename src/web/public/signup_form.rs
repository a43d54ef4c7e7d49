//! The sign-up form, which is part of several pages.

use serde::Serialize;

use crate::web::public::form_timing;
use crate::web::state::AppState;

/// Why a submitted form is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignupError {
    /// The address is not valid.
    Address,
    /// The part before the `@` is not ASCII.
    AddressNotAscii,
    /// The name has too many characters.
    NameTooLong,
    /// The name contains a control character.
    NameControl,
    /// The rate limit is exceeded.
    TooMany,
}

/// The form as it is shown.
///
/// Posts `email`, `name` (only if one was submitted before), `stamp` and the honeypot
/// `website`. The buttons "No, keep what I typed" and "Send it again" add `keep=1`, which
/// disables typo suggestions.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SignupForm {
    /// Signed time at which the form was shown.
    pub stamp: String,
    /// The submitted address; empty at first.
    pub email: String,
    /// Shown only if it was submitted.
    pub name: String,
    /// Why the submission was rejected.
    pub error: Option<SignupError>,
    /// Suggested correction of the address. Shown on the home page only.
    pub suggestion: Option<String>,
    /// The top-level domain of the address, if there is no such domain. Shown on the home page
    /// only.
    pub unknown_ending: Option<String>,
}

impl SignupForm {
    /// Returns an empty form.
    pub fn blank(state: &AppState) -> Self {
        Self {
            stamp: form_timing::stamp_form(&state.web.keys, state.now()),
            ..Self::default()
        }
    }
}
