//! `GET /`: the sign-up form and the newest posts.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Html;
use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::store::StoreError;
use crate::web::error::HttpError;
use crate::web::public::embed_detection::detect_embedding;
use crate::web::public::issues::{IssueLink, PostItem, newest_issue};
use crate::web::public::response::{CachePolicy, HandlerResult, with_cache};
use crate::web::public::signup_form::SignupForm;
use crate::web::render::{maybe_millis, millis, templates};
use crate::web::state::{AppState, SharedState};

/// Number of posts shown.
const MAX_POSTS: usize = 3;

templates! {
    Home => "public/home.html",
}

/// The page, also for a `POST /subscribe` that is rejected (422, or 429 for a rate limit).
#[derive(Clone, Debug, Serialize)]
pub struct Home {
    /// The sign-up form.
    pub form: SignupForm,
    /// The newest issue.
    pub latest: Option<IssueLink>,
    /// The first posts of the newest issue, or the newest posts without an issue.
    pub posts: Vec<PostItem>,
    /// When the first issue is sent, if the archive is empty and a schedule exists.
    #[serde(serialize_with = "maybe_millis")]
    pub first_issue_at: Option<Timestamp>,
    /// Current time.
    #[serde(serialize_with = "millis")]
    pub now: Timestamp,
}

/// Shows the page.
pub async fn show(State(state): State<SharedState>, headers: HeaderMap) -> HandlerResult {
    detect_embedding(&state, &headers).await?;
    let page = render_home(&state, SignupForm::blank(&state)).await?;
    Ok(with_cache(CachePolicy::OneMinute, page))
}

/// Renders the page with `form`.
///
/// # Errors
/// Returns [`HttpError::Store`] if the database fails, and [`HttpError::Page`] if the template
/// does.
pub async fn render_home(state: &AppState, form: SignupForm) -> Result<Html<String>, HttpError> {
    let store = &state.web.store;
    let latest = newest_issue(store, None).await?;
    let posts = match &latest {
        Some(issue) => {
            let posts = store.issue_posts(&issue.id).await?;
            posts.iter().take(MAX_POSTS).map(PostItem::from).collect()
        }
        None => newest_posts(state).await?,
    };
    let first_issue_at = if latest.is_none() {
        state.next_issue_at().await?
    } else {
        None
    };
    let page = Home {
        form,
        latest: latest.as_ref().map(IssueLink::from),
        posts,
        first_issue_at,
        now: state.now(),
    };
    Ok(state.pages.html(&page)?)
}

async fn newest_posts(state: &AppState) -> Result<Vec<PostItem>, StoreError> {
    let limit = i64::try_from(MAX_POSTS).unwrap_or(i64::MAX);
    let candidates = state.web.store.candidates(Timestamp::EPOCH, limit).await?;
    Ok(candidates
        .iter()
        .map(|candidate| PostItem::from(&candidate.post))
        .collect())
}
