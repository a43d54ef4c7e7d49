//! Login sessions: a random token in a cookie and its hash in the database.

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

/// Lifetime of a session, in the database and as `Max-Age` of its cookie.
const SESSION_LIFETIME: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Name and attributes of the session cookie of a site with this public URL.
struct SessionCookie<'a>(&'a PublicUrl);

impl SessionCookie<'_> {
    /// Returns the cookie's name. The prefix `__Host-` (RFC 6265bis §4.1.3.2) prevents
    /// other hosts of the domain from setting it; it requires https and the path `/`, which
    /// a site below a path prefix shares with others.
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

    fn header(&self, value: &str, max_age: Duration) -> HeaderValue {
        let path = match self.0.path_prefix() {
            "" => "/",
            prefix => prefix,
        };
        let max_age = time::Duration::seconds(i64::try_from(max_age.as_secs()).unwrap_or(0));
        let cookie = Cookie::build((self.name(), value))
            .path(path)
            .http_only(true)
            .same_site(SameSite::Strict)
            .secure(self.0.is_https())
            .max_age(max_age)
            .build();
        HeaderValue::try_from(cookie.to_string())
            .expect("base64 and the path of a parsed URL are visible ASCII")
    }
}

/// Returns the hash of the session token in the request's cookie. The session may have
/// expired.
pub fn session_hash(web: &Services, headers: &HeaderMap) -> Option<String> {
    let name = SessionCookie(&web.door.public_url).name();
    let mut cookies = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(Cookie::split_parse)
        .flatten();
    cookies
        .find(|cookie| cookie.name() == name)
        .map(|cookie| hash_token(cookie.value()))
}

/// Starts a session for `admin` and returns its `Set-Cookie` header.
///
/// # Errors
/// Returns [`StoreError::Database`] if the session cannot be stored.
pub async fn start_session(web: &Services, admin: &AdminId) -> Result<HeaderValue, StoreError> {
    let token = URL_SAFE_NO_PAD.encode(web.random.bytes::<32>());
    let now = web.clock.now();
    web.store
        .open_session(&hash_token(&token), admin, now, now.plus(SESSION_LIFETIME))
        .await?;
    Ok(SessionCookie(&web.door.public_url).header(&token, SESSION_LIFETIME))
}

/// Returns a `Set-Cookie` header that removes the session cookie.
pub fn clear_cookie(web: &Services) -> HeaderValue {
    SessionCookie(&web.door.public_url).header("", Duration::ZERO)
}

/// Returns the hash under which a random token is stored, so that a stolen backup contains
/// no usable token. A fast hash is sufficient, because the tokens have 256 random bits.
pub fn hash_token(token: &str) -> String {
    hex::encode(Sha256::digest(token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cookie(public_url: &str) -> String {
        let url = PublicUrl::parse(public_url).unwrap();
        let header = SessionCookie(&url).header("t0ken", SESSION_LIFETIME);
        header.to_str().unwrap().to_owned()
    }

    #[test]
    fn session_cookie_is_as_strict_as_public_url_allows() {
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
