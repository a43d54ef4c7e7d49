//! `/admin/feeds`: list, add, check and remove feeds.

use std::path::Path as FilePath;

use axum::extract::{Path, State};

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::clock::Timestamp;
use crate::domain::issue::post::FeedId;
use crate::feeds::{FeedSource, FeedSourceError};
use crate::store::{FeedOrigin, FeedRow};
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::layout::AdminLayout;
use crate::web::admin::response::{
    HandlerResult, redirect, redirect_with_flash, render, render_invalid,
};
use crate::web::error::HttpError;
use crate::web::render::maybe_millis;
use crate::web::render::templates;
use crate::web::state::SharedState;
use serde::Serialize;

templates! {
    FeedsPage => "admin/feeds.html",
}

/// One feed in the table.
#[derive(Clone, Debug, Serialize)]
pub struct FeedTableRow {
    pub id: String,
    /// The feed's address.
    pub url: String,
    /// Title from the feed; `None` until it was fetched.
    pub title: Option<String>,
    /// Last fetch, successful or not.
    #[serde(serialize_with = "maybe_millis")]
    pub checked_at: Option<Timestamp>,
    /// Last successful fetch.
    #[serde(serialize_with = "maybe_millis")]
    pub last_good_at: Option<Timestamp>,
    /// Error of the last fetch, without a full stop.
    pub error: Option<String>,
    /// Number of posts stored from this feed.
    pub posts: i64,
    /// Whether a file or the environment names the feed, so that it cannot be removed here.
    pub from_settings: bool,
}

/// Form that posts `csrf` and `url` to `/admin/feeds`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AddFeed {
    pub url: String,
    pub error: Option<String>,
}

/// Data of `GET /admin/feeds`. Each feed posts `csrf` and `action` = `check` or `remove` to
/// `/admin/feeds/{id}`.
#[derive(Clone, Debug, Serialize)]
pub struct FeedsPage {
    pub layout: AdminLayout,
    pub feeds: Vec<FeedTableRow>,
    pub add: AddFeed,
}

/// `GET /admin/feeds`
pub async fn show(State(shared): State<SharedState>, user: CurrentUser) -> HandlerResult {
    let view = view(&shared, &user, AddFeed::default()).await?;
    render(&shared, &view)
}

/// Fetches a feed and adds it. A feed that cannot be fetched is not added, so that a typo
/// is reported now and not when the issue is due.
pub async fn add(State(shared): State<SharedState>, form: VerifiedForm) -> HandlerResult {
    let web = &shared.web;
    let typed = form.fields.text("url");
    let reject = async |error: String| {
        let add = AddFeed {
            url: typed.chars().take(2000).collect(),
            error: Some(error),
        };
        let view = view(&shared, &form.user, add).await?;
        render_invalid(&shared, &view)
    };
    let source = match parse(typed) {
        Ok(source) => source.to_string(),
        Err(error) => return reject(error.to_string()).await,
    };
    let now = web.clock.now();
    let id = FeedId::new(now, &web.random);
    let added = web
        .store
        .add_feed(&id, &source, FeedOrigin::Added, now)
        .await?;
    let feed = find(&shared, |feed| feed.source == source).await?;
    match web.digests.collect_feed(&feed).await?.result {
        Err(error) if added => {
            web.store.remove_feed(&source).await?;
            reject(error).await
        }
        _ if added => {
            let target = AuditTarget::Feed(source);
            form.user
                .audit(&shared, AuditAction::FeedAdded, target)
                .await;
            Ok(redirect_with_flash(
                &shared,
                "/admin/feeds",
                FlashMessage::FeedAdded,
            ))
        }
        // The list shows the result of the fetch.
        _ => Ok(redirect(&shared, "/admin/feeds")),
    }
}

/// `POST /admin/feeds/{id}`: checks or removes one feed.
pub async fn submit_action(
    State(shared): State<SharedState>,
    Path(id): Path<String>,
    form: VerifiedForm,
) -> HandlerResult {
    let id = FeedId::parse(&id).map_err(|_| HttpError::NotFound)?;
    let feed = find(&shared, |feed| feed.id == id).await?;
    match form.fields.text("action") {
        "check" => match shared.web.digests.collect_feed(&feed).await?.result {
            Ok(_) => Ok(redirect_with_flash(
                &shared,
                "/admin/feeds",
                FlashMessage::FeedChecked,
            )),
            Err(_) => Ok(redirect(&shared, "/admin/feeds")),
        },
        // The settings would add it again at the next start.
        "remove" if feed.origin == FeedOrigin::Settings => Err(HttpError::Unprocessable),
        "remove" => {
            shared.web.store.remove_feed(&feed.source).await?;
            let target = AuditTarget::Feed(feed.source);
            form.user
                .audit(&shared, AuditAction::FeedRemoved, target)
                .await;
            Ok(redirect_with_flash(
                &shared,
                "/admin/feeds",
                FlashMessage::FeedRemoved,
            ))
        }
        _ => Err(HttpError::Unprocessable),
    }
}

/// Parses a feed address. Rejects files: only commands on the server may name them.
fn parse(typed: &str) -> Result<FeedSource, FeedSourceError> {
    match FeedSource::parse(typed, FilePath::new("/"))? {
        FeedSource::File(_) => Err(FeedSourceError::Incomplete),
        web => Ok(web),
    }
}

async fn find(
    shared: &SharedState,
    wanted: impl Fn(&FeedRow) -> bool,
) -> Result<FeedRow, HttpError> {
    let feeds = shared.web.store.feeds().await?;
    feeds.into_iter().find(wanted).ok_or(HttpError::NotFound)
}

async fn view(
    shared: &SharedState,
    user: &CurrentUser,
    add: AddFeed,
) -> Result<FeedsPage, HttpError> {
    let store = &shared.web.store;
    let posts = store.posts_per_feed().await?;
    let row = |feed: FeedRow| FeedTableRow {
        id: feed.id.to_string(),
        url: feed.source,
        title: feed.title,
        checked_at: feed.last_read_at,
        last_good_at: feed.last_good_at,
        error: feed.last_error,
        posts: posts.get(&feed.id).copied().unwrap_or(0),
        from_settings: feed.origin == FeedOrigin::Settings,
    };
    Ok(FeedsPage {
        layout: user.layout(shared),
        feeds: store.feeds().await?.into_iter().map(row).collect(),
        add,
    })
}
