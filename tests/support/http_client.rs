//! HTTP client that keeps one cookie and does not follow redirects.

use std::sync::{Mutex, MutexGuard, PoisonError};

use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use url::form_urlencoded;

/// A response to a page request.
#[derive(Debug)]
pub struct Page {
    pub status: StatusCode,
    /// Target of a redirect.
    pub location: Option<String>,
    pub sets_cookie: bool,
    pub html: String,
}

impl Page {
    /// Returns the value of a hidden form field.
    pub fn hidden_field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let (_, rest) = self
            .html
            .split_once(&start)
            .unwrap_or_else(|| panic!("no field '{name}' in {}", self.html));
        rest.split('"').next().unwrap_or_default().to_owned()
    }

    /// Returns whether the HTML contains `text`.
    pub fn shows(&self, text: &str) -> bool {
        self.html.contains(text)
    }
}

pub struct HttpClient {
    client: Client,
    /// Name and value of the last cookie that was set.
    cookie: Mutex<Option<String>>,
}

impl HttpClient {
    pub fn new() -> Self {
        // Fails if another test has already installed the provider.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy();
        Self {
            client: client.build().expect("a client"),
            cookie: Mutex::default(),
        }
    }

    pub async fn get(&self, url: &str) -> Page {
        self.send(self.client.get(url)).await
    }

    /// Posts a form with these fields.
    pub async fn post(&self, url: &str, fields: &[(&str, &str)]) -> Page {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = self
            .client
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        self.send(request).await
    }

    /// Opens a stream of server-sent events.
    pub async fn open_event_stream(&self, url: &str) -> Response {
        let request = self.client.get(url).header("accept", "text/event-stream");
        let response = self.with_cookie(request).send().await;
        response.expect("an event stream")
    }

    async fn send(&self, request: RequestBuilder) -> Page {
        let response = self.with_cookie(request).send().await.expect("a response");
        let header = |name: &str| {
            let value = response.headers().get(name);
            value
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let (location, cookie) = (header("location"), header("set-cookie"));
        if let Some(cookie) = &cookie {
            *self.cookie() = cookie.split(';').next().map(str::to_owned);
        }
        Page {
            status: response.status(),
            location,
            sets_cookie: cookie.is_some(),
            html: response.text().await.expect("a text body"),
        }
    }

    fn with_cookie(&self, request: RequestBuilder) -> RequestBuilder {
        match &*self.cookie() {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        }
    }

    fn cookie(&self) -> MutexGuard<'_, Option<String>> {
        self.cookie.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
