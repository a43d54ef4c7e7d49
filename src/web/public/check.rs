//! `GET /check`: asks to check the inbox after a sign-up.
//!
//! The address is passed in a short-lived signed cookie, so that it does not appear in a URL,
//! the browser's history or a log.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use cookie::Cookie;
use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::signed_token::Purpose;
use crate::web::public::form_timing;
use crate::web::public::response::{CachePolicy, HandlerResult, with_cache};
use crate::web::render::templates;
use crate::web::state::{AppState, SharedState};

/// Name of the cookie.
const COOKIE_NAME: &str = "check";
/// Validity of the cookie: long enough for a correction of the address.
const COOKIE_LIFETIME: Duration = Duration::from_secs(10 * 60);

templates! {
    Check => "public/check.html",
}

/// The page.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// The address from the cookie. Without it the text is general.
    pub address: Option<String>,
    /// For the button "send it again".
    pub stamp: String,
}

/// Shows the page.
pub async fn show(State(state): State<SharedState>, headers: HeaderMap) -> HandlerResult {
    let address = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|field| field.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .filter(|cookie| cookie.name() == COOKIE_NAME)
        .find_map(|cookie| verify_cookie(&state, cookie.value()));
    let page = Check {
        address: address.as_ref().map(ToString::to_string),
        stamp: form_timing::stamp_form(&state.web.keys, state.now()),
    };
    Ok(with_cache(CachePolicy::NoStore, state.pages.html(&page)?))
}

/// Returns the value of the `Set-Cookie` header that passes `address` to the page.
pub fn build_cookie(state: &AppState, address: &EmailAddress) -> String {
    let mut payload = state
        .now()
        .plus(COOKIE_LIFETIME)
        .as_millis()
        .to_be_bytes()
        .to_vec();
    payload.extend_from_slice(address.to_string().as_bytes());
    let value = state.web.keys.sign(Purpose::CheckCookie, &payload, b"");
    let secure = if state.web.door.public_url.is_https() {
        "; Secure"
    } else {
        ""
    };
    let (base, seconds) = (&state.site.base, COOKIE_LIFETIME.as_secs());
    format!(
        "{COOKIE_NAME}={value}; Path={base}/check; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
    )
}

fn verify_cookie(state: &AppState, value: &str) -> Option<EmailAddress> {
    let payload = state
        .web
        .keys
        .verify(Purpose::CheckCookie, value, b"")
        .ok()?;
    let (expires_at, address) = payload.split_first_chunk()?;
    let expires_at = Timestamp::from_millis(i64::from_be_bytes(*expires_at));
    if expires_at <= state.now() {
        return None;
    }
    EmailAddress::parse(str::from_utf8(address).ok()?).ok()
}
