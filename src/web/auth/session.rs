//! Who is logged in: a random token in a cookie, its hash in the store.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cookie::{Cookie, SameSite, time};
use sha2::{Digest, Sha256};

use crate::domain::ids::AdminId;
use crate::domain::public_url::PublicUrl;
use crate::store::StoreError;
use crate::web::Services;

const LASTS: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How the session is kept by a browser.
struct SessionCookie<'a>(&'a PublicUrl);

impl SessionCookie<'_> {
    /// `__Host-` (RFC 6265bis §4.1.3.2) keeps other hosts of the domain from setting it;
    /// it needs https and the path `/`, which is not ours alone below a prefix.
    fn name(&self) -> &'static str {
        if self.is_host_bound() {
            "__Host-broadsheet"
        } else {
            "broadsheet"
        }
    }

    fn is_host_bound(&self) -> bool {
        self.0.is_https() && self.0.path_prefix().is_empty()
    }

    fn header(&self, value: &str, lasts: Duration) -> HeaderValue {
        let path = match self.0.path_prefix() {
            "" => "/",
            prefix => prefix,
        };
        let age = time::Duration::seconds(i64::try_from(lasts.as_secs()).unwrap_or(0));
        let cookie = Cookie::build((self.name(), value))
            .path(path)
            .http_only(true)
            .same_site(SameSite::Strict)
            .secure(self.0.is_https())
            .max_age(age)
            .build();
        HeaderValue::try_from(cookie.to_string())
            .expect("base64 and the path of a parsed URL are visible ASCII")
    }
}

/// The hash under which the request's session would be kept.
pub fn from_request(web: &Services, headers: &HeaderMap) -> Option<String> {
    let name = SessionCookie(&web.door.public_url).name();
    let mut cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(Cookie::split_parse)
        .flatten();
    cookies
        .find(|cookie| cookie.name() == name)
        .map(|cookie| hash(cookie.value()))
}

/// Begins a session: the value of `Set-Cookie`.
///
/// # Errors
/// When the database fails.
pub async fn open(web: &Services, admin: &AdminId) -> Result<HeaderValue, StoreError> {
    let token = URL_SAFE_NO_PAD.encode(web.random.bytes::<32>());
    let now = web.clock.now();
    web.store
        .open_session(&hash(&token), admin, now, now.plus(LASTS))
        .await?;
    Ok(SessionCookie(&web.door.public_url).header(&token, LASTS))
}

/// A `Set-Cookie` that makes the browser forget.
pub fn forget(web: &Services) -> HeaderValue {
    SessionCookie(&web.door.public_url).header("", Duration::ZERO)
}

/// How secrets that are random enough are kept: as a hash, so that a stolen backup
/// opens nothing.
pub fn hash(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(public_url: &str) -> String {
        let url = PublicUrl::parse(public_url).unwrap();
        let header = SessionCookie(&url).header("t0ken", LASTS);
        header.to_str().unwrap().to_owned()
    }

    #[test]
    fn the_cookie_is_as_tight_as_the_address_allows() {
        assert_eq!(
            cookie("https://news.example.com"),
            "__Host-broadsheet=t0ken; HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=2592000"
        );
        assert_eq!(
            cookie("https://example.com/weekly"),
            "broadsheet=t0ken; HttpOnly; SameSite=Strict; Secure; Path=/weekly; Max-Age=2592000"
        );
        assert_eq!(
            cookie("http://127.0.0.1:8080"),
            "broadsheet=t0ken; HttpOnly; SameSite=Strict; Path=/; Max-Age=2592000"
        );
    }
}
