//! A reader's browser without JavaScript, cookies or patience for redirects.

use reqwest::{Client, Response, StatusCode, redirect};
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

pub struct Browser(Client);

impl Browser {
    pub fn new() -> Self {
        // An error says that there is a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy();
        Self(client.build().expect("a client"))
    }

    pub async fn get(&self, url: &str) -> Page {
        page(self.0.get(url).send().await.expect("an answer")).await
    }

    pub async fn post(&self, url: &str, fields: &[(&str, &str)]) -> Page {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = self
            .0
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        page(request.send().await.expect("an answer")).await
    }
}

async fn page(response: Response) -> Page {
    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let (location, cookie) = (header("location"), header("set-cookie"));
    Page {
        status: response.status(),
        location,
        sets_cookie: cookie.is_some(),
        html: response.text().await.expect("a page of text"),
    }
}
