//! A browser without JavaScript or patience for redirects.

use std::sync::{Mutex, MutexGuard, PoisonError};

use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use url::form_urlencoded;

/// What a page answered.
pub struct Page {
    pub status: StatusCode,
    /// Where a redirect leads.
    pub location: Option<String>,
    pub sets_cookie: bool,
    pub html: String,
}

impl Page {
    /// The value of a form's hidden field.
    pub fn field(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let at = self.html.find(&start).expect("a field of that name") + start.len();
        self.html[at..]
            .split('"')
            .next()
            .unwrap_or_default()
            .to_owned()
    }
}

pub struct Browser {
    client: Client,
    /// The last one that was set.
    cookie: Mutex<Option<String>>,
}

impl Browser {
    pub fn new() -> Self {
        // An error says that there is a provider already.
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

    async fn send(&self, mut request: RequestBuilder) -> Page {
        if let Some(cookie) = self.cookie().clone() {
            request = request.header("cookie", cookie);
        }
        let (page, cookie) = page(request.send().await.expect("an answer")).await;
        if let Some(cookie) = cookie {
            *self.cookie() = cookie.split(';').next().map(str::to_owned);
        }
        page
    }

    fn cookie(&self) -> MutexGuard<'_, Option<String>> {
        self.cookie.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// With the cookie that was set.
async fn page(response: Response) -> (Page, Option<String>) {
    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let (location, cookie) = (header("location"), header("set-cookie"));
    let page = Page {
        status: response.status(),
        location,
        sets_cookie: cookie.is_some(),
        html: response.text().await.expect("a page of text"),
    };
    (page, cookie)
}
