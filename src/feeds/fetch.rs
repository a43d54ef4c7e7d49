//! Getting a feed's bytes, from an address that is not trusted.

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

use crate::feeds::resolver::{Reach, ResolveError, Resolver};
use crate::feeds::source::FeedSource;
use crate::feeds::ssrf::{AllowPrivate, is_public};

const USER_AGENT: &str = concat!("Broadsheet/", env!("CARGO_PKG_VERSION"), " (+feed reader)");
const ACCEPT: &str = "application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5";

/// What one fetch may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// For all of it: names, connections, redirects, body.
    time: Duration,
    /// Of the body as it is read, that is decompressed.
    bytes: usize,
    redirects: usize,
}

const LIMITS: Limits = Limits {
    time: Duration::from_secs(10),
    bytes: 5 * 1024 * 1024,
    redirects: 3,
};

/// What the server gave to ask "anything new?" with (RFC 9110 §8.8), word for word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// 304: the same as when the validators were given.
    Unchanged,
    Body {
        bytes: Vec<u8>,
        validators: Validators,
        /// Where it was found after redirects; `None` for a file.
        url: Option<Url>,
    },
}

/// The words name hosts and never whole addresses: some feeds' addresses are secrets.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    #[error(
        "{host} is not a public address; a blog on a private host is allowed by feeds.allow_private = [\"{host}:{port}\"]"
    )]
    NotPublic { host: String, port: u16 },
    #[error("no address is known for {0}")]
    UnknownHost(String),
    #[error("{host} answered {status}")]
    Status { host: String, status: StatusCode },
    #[error("{0} redirects to something that is neither http nor https")]
    Redirect(String),
    #[error("more than {0} redirects")]
    TooManyRedirects(usize),
    #[error("no whole answer within {} seconds", .0.as_secs())]
    TimedOut(Duration),
    #[error("larger than {} MiB", .0 / (1024 * 1024))]
    TooLarge(usize),
    #[error("no connection to {host}: {reason}")]
    Connection { host: String, reason: String },
    #[error("there is no file {0} (an address of the web begins with https://)")]
    NoSuchFile(String),
    #[error("{path} cannot be read: {reason}")]
    File { path: String, reason: String },
    #[error("nothing can be fetched from the web here: {0}")]
    Client(String),
}

/// Reads feeds within limits, and from public addresses only save for the exceptions.
#[derive(Clone, Debug)]
pub struct Fetcher {
    /// Or why there are none: files can be read all the same.
    clients: Result<Clients, String>,
    allow_private: Vec<AllowPrivate>,
    limits: Limits,
}

#[derive(Clone, Debug)]
struct Clients {
    public: Client,
    /// For the exceptions: any address the name has.
    private: Client,
}

impl Fetcher {
    /// `allow_private` are the exceptions. A machine without certificates is told of at
    /// the first fetch from the web.
    pub fn new(allow_private: Vec<AllowPrivate>) -> Self {
        // An error says that a provider is there already, which is all that is wanted.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let clients = client(Reach::Public)
            .and_then(|public| {
                Ok(Clients {
                    public,
                    private: client(Reach::Anywhere)?,
                })
            })
            .map_err(|error| innermost(&error));
        Self {
            clients,
            allow_private,
            limits: LIMITS,
        }
    }

    /// The feed's bytes, or that they are still what `validators` stand for.
    ///
    /// # Errors
    /// Whatever kept it from being read, in words for the operator.
    pub async fn fetch(
        &self,
        source: &FeedSource,
        validators: &Validators,
    ) -> Result<Fetched, FetchError> {
        let fetch = async {
            match source {
                FeedSource::Web(url) => self.fetch_web(url.clone(), validators).await,
                FeedSource::File(path) => read_file(path, self.limits.bytes).await,
            }
        };
        match tokio::time::timeout(self.limits.time, fetch).await {
            Ok(fetched) => fetched,
            Err(_) => Err(FetchError::TimedOut(self.limits.time)),
        }
    }

    /// Redirects are followed here, not by reqwest, so that each hop is judged anew.
    async fn fetch_web(
        &self,
        mut url: Url,
        validators: &Validators,
    ) -> Result<Fetched, FetchError> {
        for _ in 0..=self.limits.redirects {
            let response = self.get(&url, validators).await?;
            let status = response.status();
            if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
                url = redirect_target(&url, &response)?;
                continue;
            }
            let asked = validators.etag.is_some() || validators.last_modified.is_some();
            if status == StatusCode::NOT_MODIFIED && asked {
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
        Err(FetchError::TooManyRedirects(self.limits.redirects))
    }

    async fn get(&self, url: &Url, validators: &Validators) -> Result<Response, FetchError> {
        let allowed = self
            .allow_private
            .iter()
            .any(|exception| exception.covers(url));
        let clients = self
            .clients
            .as_ref()
            .map_err(|reason| FetchError::Client(reason.clone()))?;
        let client = if allowed {
            &clients.private
        } else {
            &clients.public
        };
        if !allowed && literal_address(url).is_some_and(|address| !is_public(address)) {
            return Err(not_public(url));
        }
        let mut request = client.get(url.clone());
        if let Some(etag) = &validators.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(moment) = &validators.last_modified {
            request = request.header(IF_MODIFIED_SINCE, moment);
        }
        request.send().await.map_err(|error| explain(&error, url))
    }

    async fn read_body(&self, mut response: Response, url: &Url) -> Result<Vec<u8>, FetchError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(|error| explain(&error, url))?
        {
            if bytes.len() + chunk.len() > self.limits.bytes {
                return Err(FetchError::TooLarge(self.limits.bytes));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

fn client(reach: Reach) -> Result<Client, reqwest::Error> {
    Client::builder()
        .user_agent(USER_AGENT)
        .default_headers(HeaderMap::from_iter([(
            reqwest::header::ACCEPT,
            reqwest::header::HeaderValue::from_static(ACCEPT),
        )]))
        .no_proxy()
        .referer(false)
        .redirect(reqwest::redirect::Policy::none())
        .dns_resolver(Arc::new(Resolver::new(reach)))
        .pool_max_idle_per_host(0)
        .build()
}

/// The IP address that stands in the URL itself: reqwest asks no resolver for it.
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

fn explain(error: &reqwest::Error, url: &Url) -> FetchError {
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
        reason: innermost(error),
    }
}

/// The last of the causes says what went wrong; the outer ones repeat the whole address.
fn innermost(error: &reqwest::Error) -> String {
    let mut reason: &dyn Error = error;
    while let Some(inner) = reason.source() {
        reason = inner;
    }
    reason.to_string()
}

async fn read_file(path: &Path, limit: usize) -> Result<Fetched, FetchError> {
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => FetchError::NoSuchFile(path.display().to_string()),
        _ => FetchError::File {
            path: path.display().to_string(),
            reason: error.to_string(),
        },
    };
    // A pipe or a device would be opened and then waited for.
    if !tokio::fs::metadata(path).await.map_err(failed)?.is_file() {
        return Err(FetchError::File {
            path: path.display().to_string(),
            reason: "it is not a regular file".to_owned(),
        });
    }
    let file = tokio::fs::File::open(path).await.map_err(failed)?;
    let mut bytes = Vec::new();
    file.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .await
        .map_err(failed)?;
    if bytes.len() > limit {
        return Err(FetchError::TooLarge(limit));
    }
    Ok(Fetched::Body {
        bytes,
        validators: Validators::default(),
        url: None,
    })
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
mod tests;
