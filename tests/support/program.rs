//! A program that uses the API with a token.

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

pub struct Program {
    client: Client,
    api: String,
    token: String,
}

impl Program {
    /// One that has this token for the newsletter that is served at `site`.
    pub fn new(site: &str, token: &str) -> Self {
        // An error says that there is a provider already.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Self {
            client: Client::builder().no_proxy().build().expect("a client"),
            api: format!("{site}/api/v1"),
            token: token.to_owned(),
        }
    }

    /// What it is answered, which is always JSON.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let request = self
            .client
            .request(method, format!("{}{path}", self.api))
            .header("authorization", format!("Bearer {}", self.token));
        let request = match body {
            Some(body) => request
                .header("content-type", "application/json")
                .body(body.to_string()),
            None => request,
        };
        let answer = request.send().await.expect("an answer");
        let status = answer.status();
        let text = answer.text().await.expect("text");
        let json = serde_json::from_str(&text);
        (
            status,
            json.unwrap_or_else(|error| panic!("{error}: {text}")),
        )
    }

    /// What is there, which must be there.
    pub async fn read(&self, path: &str) -> Value {
        let (status, json) = self.ask(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {json}");
        json
    }
}
