//! Links of a test copy and of the preview: they work, but belong to no subscriber and no issue.

use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;

use crate::domain::ids::SubscriberId;
use crate::domain::signed_token::Purpose;
use crate::subscription::LinkError;
use crate::web::public::invalid_link::{self, LinkKind};
use crate::web::public::response::{CachePolicy, HandlerResult, with_cache};
use crate::web::render::templates;
use crate::web::state::{AppState, SharedState};

templates! {
    TestCopy => "public/test_copy.html",
}

/// What a link of a sent issue would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TestCopyLink {
    /// Shows the issue on the web.
    Issue,
    /// Unsubscribes.
    Unsubscribe,
    /// Changes the preferences.
    Preferences,
}

/// The page that a link of a test copy leads to.
#[derive(Clone, Debug, Serialize)]
pub struct TestCopy {
    /// What the link of a sent issue would do.
    pub link: TestCopyLink,
}

/// Shows the page of the link to the issue, `GET /issues/test`.
pub async fn show_issue(State(state): State<SharedState>) -> HandlerResult {
    page(&state, TestCopyLink::Issue)
}

/// Builds the response to an unsubscribe or preferences link that could not be verified: the page
/// of a test copy, or the page of an invalid link.
///
/// # Errors
/// As for [`invalid_link::response`].
pub fn response(state: &AppState, token: &str, kind: LinkKind, error: LinkError) -> HandlerResult {
    let (purpose, link) = match kind {
        LinkKind::Unsubscribe => (Purpose::Unsubscribe, TestCopyLink::Unsubscribe),
        LinkKind::Preferences => (Purpose::Preferences, TestCopyLink::Preferences),
        LinkKind::Confirm | LinkKind::Requested => {
            return invalid_link::response(state, kind, error);
        }
    };
    let subscriber = state.web.keys.verify_subscriber_token(purpose, token);
    if matches!(error, LinkError::Invalid) && subscriber == Ok(SubscriberId::NOBODY) {
        page(state, link)
    } else {
        invalid_link::response(state, kind, error)
    }
}

fn page(state: &AppState, link: TestCopyLink) -> HandlerResult {
    let page = state.pages.html(&TestCopy { link })?;
    let mut response = with_cache(CachePolicy::NoStore, page.into_response());
    let noindex = HeaderValue::from_static("noindex");
    response
        .headers_mut()
        .insert(header::HeaderName::from_static("x-robots-tag"), noindex);
    Ok(response)
}
