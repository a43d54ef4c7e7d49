//! Client of the admin UI that is logged in.

use reqwest::{Response, StatusCode};

use super::http_client::{HttpClient, Page};
use super::newsletter::{Newsletter, as_text, wait_until};
use super::process::RunningProcess;

const PASSWORD: &str = "correct horse battery";

pub struct AdminClient {
    client: HttpClient,
    /// Public URL of the newsletter.
    site: String,
}

impl AdminClient {
    /// Creates the first admin with the link that the first start logs.
    pub async fn create_first_admin(running: &RunningProcess, site: &str) -> Self {
        let token = wait_until("the setup link", async || {
            let log = running.stderr();
            let (_, rest) = log.split_once("/admin/setup?token=")?;
            rest.split_whitespace().next().map(str::to_owned)
        });
        Self::set_password(site, &token.await).await
    }

    /// Creates an account with `admin create` and logs in with its one-time link.
    pub async fn create_admin(newsletter: &Newsletter, site: &str) -> Self {
        let created = newsletter.run_json(&["admin", "create", "ada@example.com"]);
        let link = as_text(&created.await[0]["link"]);
        let (_, token) = link.split_once("token=").expect("a one-time link");
        Self::set_password(site, token).await
    }

    async fn set_password(site: &str, token: &str) -> Self {
        let admin = Self {
            client: HttpClient::new(),
            site: site.to_owned(),
        };
        let fields = [
            ("token", token),
            ("email", "ada@example.com"),
            ("password", PASSWORD),
            ("again", PASSWORD),
        ];
        let page = admin.client.post(&admin.url("/admin/setup"), &fields).await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{page:?}");
        admin
    }

    pub async fn get(&self, path: &str) -> Page {
        self.client.get(&self.url(path)).await
    }

    /// Posts these fields to `path` with the CSRF token of the form on `page`.
    pub async fn submit_form(&self, page: &str, path: &str, fields: &[(&str, &str)]) -> Page {
        let csrf = self.get(page).await.hidden_field("csrf");
        let fields = [fields, &[("csrf", csrf.as_str())]].concat();
        self.client.post(&self.url(path), &fields).await
    }

    /// Opens the progress stream of an issue.
    pub async fn open_progress_stream(&self, issue: u32) -> Response {
        let url = self.url(&format!("/admin/issues/{issue}/live"));
        let stream = self.client.open_event_stream(&url).await;
        assert_eq!(stream.status(), StatusCode::OK);
        stream
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.site)
    }
}
