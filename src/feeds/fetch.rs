//! Fetches feeds from untrusted URLs, within limits, and from files.

use std::error::Error;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{
    ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, LOCATION,
};
use reqwest::{Client, Response, StatusCode};
use tokio::io::AsyncReadExt;
use url::{Host, Url};

use crate::feeds::error::FetchError;
use crate::feeds::resolver::{AddressScope, ResolveError, Resolver};
use crate::feeds::source::FeedSource;
use crate::feeds::ssrf::{AllowPrivate, is_public};

const USER_AGENT: &str = concat!("Broadsheet/", env!("CARGO_PKG_VERSION"), " (+feed reader)");
const ACCEPT: &str = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5";

/// Limits of one fetch.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Total time for DNS, connections, redirects and body.
    timeout: Duration,
    /// Maximum size of the decompressed body in bytes.
    max_bytes: usize,
    /// Maximum number of redirects.
    max_redirects: usize,
}

/// Limits in production. The largest real feeds have 2 to 3 MiB, and servers answer within a
/// few seconds or not at all.
const LIMITS: Limits = Limits {
    timeout: Duration::from_secs(10),
    max_bytes: 5 * 1024 * 1024,
    max_redirects: 3,
};

/// Validators of a response, for a conditional request (RFC 9110 §8.8). Stored unchanged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// Value of `ETag`, sent as `If-None-Match`.
    pub etag: Option<String>,
    /// Value of `Last-Modified`, sent as `If-Modified-Since`.
    pub last_modified: Option<String>,
}

/// Result of a fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// The server replied 304: unchanged since the response with the given validators.
    Unchanged,
    /// The content of the feed.
    Body {
        /// The decompressed body.
        bytes: Vec<u8>,
        /// Validators for the next request.
        validators: Validators,
        /// URL after redirects; `None` for a file.
        url: Option<Url>,
    },
}

/// Fetches feeds within limits, from public addresses and those the operator has allowed.
#[derive(Clone, Debug)]
pub struct Fetcher {
    /// HTTP clients, or the reason why there are none. Files can be read without them.
    clients: Result<Clients, String>,
    allow_private: Vec<AllowPrivate>,
    limits: Limits,
}

#[derive(Clone, Debug)]
struct Clients {
    public: Client,
    /// For hosts in `allow_private`: connects to any address.
    unrestricted: Client,
}

impl Fetcher {
    /// Creates a fetcher. `allow_private` contains the hosts that may have private addresses.
    ///
    /// Does not fail: an HTTP client that cannot be created is reported by each fetch from the
    /// web.
    pub fn new(allow_private: Vec<AllowPrivate>) -> Self {
        // Fails if a provider is installed already, which is just as good.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let clients = client(AddressScope::Public)
            .and_then(|public| {
                Ok(Clients {
                    public,
                    unrestricted: client(AddressScope::Any)?,
                })
            })
            .map_err(|error| innermost_message(&error));
        Self {
            clients,
            allow_private,
            limits: LIMITS,
        }
    }

    /// Fetches a feed, conditionally if there are `validators`.
    ///
    /// # Errors
    /// Returns a [`FetchError`] that describes the problem to the operator.
    pub async fn fetch(
        &self,
        source: &FeedSource,
        validators: &Validators,
    ) -> Result<Fetched, FetchError> {
        let fetch = async {
            match source {
                FeedSource::Web(url) => self.fetch_web(url.clone(), validators).await,
                FeedSource::File(path) => read_file(path, self.limits.max_bytes).await,
            }
        };
        match tokio::time::timeout(self.limits.timeout, fetch).await {
            Ok(fetched) => fetched,
            Err(_) => Err(FetchError::TimedOut(self.limits.timeout)),
        }
    }

    /// Fetches a URL. Follows redirects here instead of in reqwest, so that the address of
    /// each hop is checked.
    async fn fetch_web(
        &self,
        mut url: Url,
        validators: &Validators,
    ) -> Result<Fetched, FetchError> {
        for _ in 0..=self.limits.max_redirects {
            let response = self.get(&url, validators).await?;
            let status = response.status();
            if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
                url = redirect_target(&url, &response)?;
                continue;
            }
            let is_conditional = validators.etag.is_some() || validators.last_modified.is_some();
            if status == StatusCode::NOT_MODIFIED && is_conditional {
                return Ok(Fetched::Unchanged);
            }
            if status != StatusCode::OK {
                return Err(FetchError::Status {
                    host: host_of(&url),
                    status,
                });
            }
            let validators = Validators {
                etag: header(response.headers(), ETAG),
                last_modified: header(response.headers(), LAST_MODIFIED),
            };
            let bytes = self.read_body(response, &url).await?;
            return Ok(Fetched::Body {
                bytes,
                validators,
                url: Some(url),
            });
        }
        Err(FetchError::TooManyRedirects(self.limits.max_redirects))
    }

    async fn get(&self, url: &Url, validators: &Validators) -> Result<Response, FetchError> {
        let is_allowed = self
            .allow_private
            .iter()
            .any(|allowed| allowed.matches(url));
        let clients = self
            .clients
            .as_ref()
            .map_err(|reason| FetchError::Client(reason.clone()))?;
        let client = if is_allowed {
            &clients.unrestricted
        } else {
            &clients.public
        };
        if !is_allowed && literal_address(url).is_some_and(|address| !is_public(address)) {
            return Err(not_public(url));
        }
        let mut request = client.get(url.clone());
        if let Some(etag) = &validators.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(last_modified) = &validators.last_modified {
            request = request.header(IF_MODIFIED_SINCE, last_modified);
        }
        request
            .send()
            .await
            .map_err(|error| fetch_error(&error, url))
    }

    async fn read_body(&self, mut response: Response, url: &Url) -> Result<Vec<u8>, FetchError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| fetch_error(&error, url))?
        {
            if bytes.len() + chunk.len() > self.limits.max_bytes {
                return Err(FetchError::TooLarge(self.limits.max_bytes));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

fn client(scope: AddressScope) -> Result<Client, reqwest::Error> {
    Client::builder()
        .user_agent(USER_AGENT)
        .default_headers(HeaderMap::from_iter([(
            reqwest::header::ACCEPT,
            reqwest::header::HeaderValue::from_static(ACCEPT),
        )]))
        .no_proxy()
        .referer(false)
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(Arc::new(Resolver::new(scope)))
        .pool_max_idle_per_host(0)
        .build()
}

/// Returns the IP address in the URL itself, for which reqwest does not call the resolver.
fn literal_address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(v4) => Some(v4.into()),
        Host::Ipv6(v6) => Some(v6.into()),
        Host::Domain(_) => None,
    }
}

fn redirect_target(url: &Url, response: &Response) -> Result<Url, FetchError> {
    let location = header(response.headers(), LOCATION);
    let target = location.and_then(|location| url.join(&location).ok());
    match target {
        Some(target) if matches!(target.scheme(), "http" | "https") => Ok(target),
        _ => Err(FetchError::Redirect(host_of(url))),
    }
}

/// Returns the value of a header, unless it is longer than any real validator or URL.
fn header(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    (!value.is_empty() && value.len() <= 1024).then(|| value.to_owned())
}

fn host_of(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

fn not_public(url: &Url) -> FetchError {
    FetchError::NotPublic {
        host: host_of(url),
        port: url.port_or_known_default().unwrap_or_default(),
    }
}

fn fetch_error(error: &reqwest::Error, url: &Url) -> FetchError {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(inner) = cause {
        match inner.downcast_ref::<ResolveError>() {
            Some(ResolveError::NotPublic) => return not_public(url),
            Some(ResolveError::Unknown(_)) => return FetchError::UnknownHost(host_of(url)),
            None => cause = inner.source(),
        }
    }
    FetchError::Connection {
        host: host_of(url),
        reason: innermost_message(error),
    }
}

/// Returns the message of the innermost error. The outer messages contain the whole URL.
fn innermost_message(error: &reqwest::Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(inner) = innermost.source() {
        innermost = inner;
    }
    innermost.to_string()
}

async fn read_file(path: &Path, max_bytes: usize) -> Result<Fetched, FetchError> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => FetchError::NoSuchFile(path.display().to_string()),
        _ => FetchError::File {
            path: path.display().to_string(),
            reason: error.to_string(),
        },
    };
    // Reading a pipe or a device could block.
    if !tokio::fs::metadata(path).await.map_err(failed)?.is_file() {
        return Err(FetchError::File {
            path: path.display().to_string(),
            reason: "it is not a regular file".to_owned(),
        });
    }
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(max_bytes as u64 + 1)
        .read_to_end(&mut bytes)
        .await
        .map_err(failed)?;
    if bytes.len() > max_bytes {
        return Err(FetchError::TooLarge(max_bytes));
    }
    Ok(Fetched::Body {
        bytes,
        validators: Validators::default(),
        url: None,
    })
}

#[cfg(test)]
mod tests;
