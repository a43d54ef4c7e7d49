//! Client of the API with a token.

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

pub struct ApiClient {
    client: Client,
    api: String,
    token: String,
}

impl ApiClient {
    /// Creates a client for the newsletter with the public URL `site`.
    pub fn new(site: &str, token: &str) -> Self {
        // Fails if another test has already installed the provider.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Self {
            client: Client::builder().no_proxy().build().expect("a client"),
            api: format!("{site}/api/v1"),
            token: token.to_owned(),
        }
    }

    /// Sends a request and returns the response, which must be JSON.
    pub async fn request(
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
        let response = request.send().await.expect("a response");
        let status = response.status();
        let body = response.text().await.expect("a text body");
        let json = serde_json::from_str(&body);
        (
            status,
            json.unwrap_or_else(|error| panic!("{error}: {body}")),
        )
    }

    /// Returns a resource, which must exist.
    pub async fn get(&self, path: &str) -> Value {
        let (status, json) = self.request(Method::GET, path, None).await;
        assert_eq!(status, StatusCode::OK, "{path}: {json}");
        json
    }
}
