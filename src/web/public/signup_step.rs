//! `GET /subscribe/{token}`: the page with one button, for a sign-up that a script submitted.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect};
use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::signed_token::{Purpose, SecretKeys};
use crate::web::public::form_timing;
use crate::web::public::response::{CachePolicy, HandlerResult, with_cache};
use crate::web::public::token::Token;
use crate::web::render::templates;
use crate::web::state::SharedState;

templates! {
    ConfirmHuman => "public/confirm_human.html",
}

/// The page with one button, shown if the form was submitted too fast or without its hidden
/// fields.
#[derive(Clone, Debug, Serialize)]
pub struct ConfirmHuman {
    /// Signed time and address.
    pub stamp: String,
    /// The submitted address.
    pub email: String,
    /// The submitted name; may be empty.
    pub name: String,
    /// Whether typo suggestions are disabled.
    pub keep: bool,
}

/// Validity of the link, which a person opens right away.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Returns the token of the page for `address`.
pub fn step_token(keys: &SecretKeys, now: Timestamp, address: &EmailAddress, name: &str) -> String {
    let mut payload = now.plus(LIFETIME).as_millis().to_be_bytes().to_vec();
    payload.extend_from_slice(format!("{address}\n{name}").as_bytes());
    keys.sign(Purpose::SignupStep, &payload, b"")
}

/// Shows the button. Without a valid token the visitor starts again at the form.
pub async fn show(State(state): State<SharedState>, Token(token): Token) -> HandlerResult {
    let now = state.now();
    let Some((address, name)) = verify(&state.web.keys, &token, now) else {
        let home = format!("{}/", state.site.base);
        let redirect = Redirect::to(&home).into_response();
        return Ok(with_cache(CachePolicy::NoStore, redirect));
    };
    let page = state.pages.html(&ConfirmHuman {
        stamp: form_timing::stamp_button(&state.web.keys, now, &address),
        email: address.to_string(),
        name,
        keep: true,
    })?;
    Ok(with_cache(CachePolicy::NoStore, page.into_response()))
}

fn verify(keys: &SecretKeys, token: &str, now: Timestamp) -> Option<(EmailAddress, String)> {
    let payload = keys.verify(Purpose::SignupStep, token, b"").ok()?;
    let (expires_at, text) = payload.split_first_chunk()?;
    if Timestamp::from_millis(i64::from_be_bytes(*expires_at)) <= now {
        return None;
    }
    let (address, name) = str::from_utf8(text).ok()?.split_once('\n')?;
    Some((EmailAddress::parse(address).ok()?, name.to_owned()))
}
