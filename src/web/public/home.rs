//! The front page: the form, and what one would get.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Html;

use crate::domain::clock::Timestamp;
use crate::store::StoreError;
use crate::web::error::HttpError;
use crate::web::public::views::{Home, PostLine, SignupForm};
use crate::web::public::{HandlerResult, Keep, issues, keep, seen, stamp};
use crate::web::state::{AppState, SharedState};

const POSTS: usize = 3;

/// `GET /`.
pub async fn show(State(state): State<SharedState>, headers: HeaderMap) -> HandlerResult {
    seen::note(&state, &headers).await?;
    Ok(keep(Keep::Minute, page(&state, blank_form(&state)).await?))
}

/// The form before anything was typed.
pub fn blank_form(state: &AppState) -> SignupForm {
    SignupForm {
        stamp: stamp::for_form(&state.web.keys, state.now()),
        ..SignupForm::default()
    }
}

pub async fn page(state: &AppState, form: SignupForm) -> Result<Html<String>, HttpError> {
    let latest = issues::newest(&state.web.store, None).await?;
    let posts = match &latest {
        Some(issue) => state
            .web
            .store
            .issue_posts(&issue.id)
            .await?
            .iter()
            .take(POSTS)
            .map(PostLine::from)
            .collect(),
        None => newest_posts(state).await?,
    };
    let first_issue_at = if latest.is_none() {
        state.next_issue_at().await?
    } else {
        None
    };
    let home = Home {
        form,
        latest: latest.as_ref().map(issues::link),
        posts,
        first_issue_at,
        now: state.now(),
    };
    Ok(state.pages.html(&home)?)
}

async fn newest_posts(state: &AppState) -> Result<Vec<PostLine>, StoreError> {
    let count = i64::try_from(POSTS).unwrap_or(i64::MAX);
    let candidates = state.web.store.candidates(Timestamp::EPOCH, count).await?;
    Ok(candidates
        .iter()
        .map(|candidate| PostLine::from(&candidate.post))
        .collect())
}
