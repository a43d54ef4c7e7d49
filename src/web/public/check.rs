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
use crate::subscription::{MAX_EMAILS_PER_DAY, SHORT_WINDOW};
use crate::web::public::form_timing;
use crate::web::public::response::{CachePolicy, HandlerResult, with_cache};
use crate::web::render::templates;
use crate::web::state::{AppState, SharedState};

/// Name of the cookie.
const COOKIE_NAME: &str = "check";
/// Validity of the cookie: long enough for a correction of the address, and to ask for another
/// link when the first has not come.
const COOKIE_LIFETIME: Duration = Duration::from_secs(60 * 60);

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
    /// Whether the button is shown: ten minutes have passed, and fewer than three links were
    /// asked for.
    pub can_resend: bool,
    /// Whether all links of the day were asked for.
    pub is_last: bool,
    /// How many links were asked for, for the button.
    pub sent: u8,
}

/// Shows the page.
pub async fn show(State(state): State<SharedState>, headers: HeaderMap) -> HandlerResult {
    let found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|field| field.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .filter(|cookie| cookie.name() == COOKIE_NAME)
        .find_map(|cookie| verify_cookie(&state, cookie.value()));
    let (sent, age) = found
        .as_ref()
        .map_or((0, Duration::ZERO), |it| (it.sent, it.age));
    let is_last = i64::from(sent) >= MAX_EMAILS_PER_DAY;
    let page = Check {
        address: found.map(|found| found.address.to_string()),
        can_resend: age >= SHORT_WINDOW && !is_last,
        is_last,
        sent,
        stamp: form_timing::stamp_form(&state.web.keys, state.now()),
    };
    Ok(with_cache(CachePolicy::NoStore, state.pages.html(&page)?))
}

/// Returns the value of the `Set-Cookie` header that passes `address` to the page.
///
/// `sent` is how many links were asked for, with this one.
pub fn build_cookie(state: &AppState, address: &EmailAddress, sent: u8) -> String {
    let mut payload = state
        .now()
        .plus(COOKIE_LIFETIME)
        .as_millis()
        .to_be_bytes()
        .to_vec();
    payload.push(sent);
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

/// The content of the cookie.
struct SignedUp {
    address: EmailAddress,
    sent: u8,
    age: Duration,
}

fn verify_cookie(state: &AppState, value: &str) -> Option<SignedUp> {
    let payload = state
        .web
        .keys
        .verify(Purpose::CheckCookie, value, b"")
        .ok()?;
    let (expires_at, address) = payload.split_first_chunk()?;
    let expires_at = Timestamp::from_millis(i64::from_be_bytes(*expires_at));
    let now = state.now();
    if expires_at <= now {
        return None;
    }
    let (sent, address) = address.split_first()?;
    Some(SignedUp {
        address: EmailAddress::parse(str::from_utf8(address).ok()?).ok()?,
        sent: *sent,
        age: now.since(expires_at.minus(COOKIE_LIFETIME)),
    })
}
