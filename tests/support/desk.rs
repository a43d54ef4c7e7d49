//! The editor's browser, logged in by the link that the first start prints.

use reqwest::{Client, Method, StatusCode, redirect};
use url::form_urlencoded;

use super::newsletter::within;
use super::process::Running;

pub struct Desk {
    client: Client,
    site: String,
    cookie: String,
}

/// What the desk answered.
#[derive(Debug)]
pub struct Sheet {
    pub status: StatusCode,
    pub location: String,
    pub html: String,
}

impl Sheet {
    pub fn shows(&self, words: &str) -> bool {
        self.html.contains(words)
    }
}

const PASSWORD: &str = "correct horse battery";

impl Desk {
    /// The first admin of a newsletter that is served at `site`.
    pub async fn first(running: &Running, site: &str) -> Self {
        let token = async {
            loop {
                let said = running.said().1;
                let token = said.split("/admin/setup?token=").nth(1);
                if let Some(token) = token.and_then(|rest| rest.split_whitespace().next()) {
                    return token.to_owned();
                }
                tokio::time::sleep(std::time::Duration::from_millis(25)).await;
            }
        };
        let token = within(token, "the first run's link").await;
        // An error says that there is a provider already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .no_proxy();
        let mut desk = Self {
            client: client.build().expect("a client"),
            site: site.to_owned(),
            cookie: String::new(),
        };
        let fields = [
            ("token", token.as_str()),
            ("email", "ada@example.com"),
            ("password", PASSWORD),
            ("again", PASSWORD),
        ];
        let made = desk.post("/admin/setup", &fields).await;
        assert_eq!(made.status, StatusCode::SEE_OTHER, "{made:?}");
        desk
    }

    pub async fn get(&mut self, path: &str) -> Sheet {
        self.ask(Method::GET, path, String::new()).await
    }

    /// Posts to `path` what its page's form would.
    pub async fn fill_in(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Sheet {
        let html = self.get(page).await.html;
        let start = "name=\"csrf\" value=\"";
        let csrf = html.split(start).nth(1).expect("a form of the desk");
        let csrf = csrf.split('"').next().unwrap_or_default();
        let fields: Vec<_> = fields.iter().copied().chain([("csrf", csrf)]).collect();
        self.post(path, &fields).await
    }

    async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Sheet {
        let mut form = form_urlencoded::Serializer::new(String::new());
        let body = form.extend_pairs(fields).finish();
        self.ask(Method::POST, path, body).await
    }

    async fn ask(&mut self, method: Method, path: &str, body: String) -> Sheet {
        let request = self
            .client
            .request(method, format!("{}{path}", self.site))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", &self.site)
            .header("cookie", &self.cookie)
            .body(body);
        let response = request.send().await.expect("an answer");
        let header = |name: &str| {
            let value = response.headers().get(name);
            value
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        if let Some(cookie) = header("set-cookie") {
            self.cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        }
        Sheet {
            status: response.status(),
            location: header("location").unwrap_or_default(),
            html: response.text().await.expect("a page of text"),
        }
    }
}
