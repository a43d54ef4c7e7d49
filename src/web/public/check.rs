//! "Check your inbox". The address comes in a short signed cookie, so that it stands in
//! no URL, history or log.

use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, header};
use cookie::Cookie;

use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::signed_token::Purpose;
use crate::web::public::views::Check;
use crate::web::public::{HandlerResult, Keep, form_timing, keep};
use crate::web::state::{AppState, SharedState};

const NAME: &str = "check";
const GOOD_FOR: Duration = Duration::from_secs(10 * 60);

/// `GET /check`.
pub async fn show(State(state): State<SharedState>, headers: HeaderMap) -> HandlerResult {
    let address = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|field| field.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .filter(|cookie| cookie.name() == NAME)
        .find_map(|cookie| open(&state, cookie.value()));
    let check = Check {
        address: address.as_ref().map(ToString::to_string),
        stamp: form_timing::for_form(&state.web.keys, state.now()),
    };
    Ok(keep(Keep::Never, state.pages.html(&check)?))
}

/// The `Set-Cookie` field that carries `address` here.
pub fn cookie(state: &AppState, address: &EmailAddress) -> String {
    let mut payload = state
        .now()
        .plus(GOOD_FOR)
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
    let (base, seconds) = (&state.site.base, GOOD_FOR.as_secs());
    format!("{NAME}={value}; Path={base}/check; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

fn open(state: &AppState, value: &str) -> Option<EmailAddress> {
    let payload = state
        .web
        .keys
        .verify(Purpose::CheckCookie, value, b"")
        .ok()?;
    let (expires, address) = payload.split_first_chunk()?;
    let expires = Timestamp::from_millis(i64::from_be_bytes(*expires));
    if expires <= state.now() {
        return None;
    }
    EmailAddress::parse(str::from_utf8(address).ok()?).ok()
}
