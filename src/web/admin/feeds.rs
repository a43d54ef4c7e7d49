//! `/admin/feeds`

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
use crate::web::admin::response::{HandlerResult, page, redirect, redirect_with_flash, refused};
use crate::web::error::HttpError;
use crate::web::pages::maybe_millis;
use crate::web::pages::templates;
use crate::web::state::SharedState;
use serde::Serialize;

templates! {
    Feeds => "admin/feeds.html",
}

#[derive(Clone, Debug, Serialize)]
pub struct FeedLine {
    pub id: String,
    pub url: String,
    pub title: Option<String>,
    #[serde(serialize_with = "maybe_millis")]
    pub checked_at: Option<Timestamp>,
    #[serde(serialize_with = "maybe_millis")]
    pub last_good_at: Option<Timestamp>,
    /// In words, without a full stop: "404".
    pub error: Option<String>,
    /// Posts found so far.
    pub posts: i64,
    /// Set by file or environment, so it cannot be removed here.
    pub from_settings: bool,
}

/// Posts `csrf` and `url` to `/admin/feeds`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AddFeed {
    pub url: String,
    pub fault: Option<String>,
}

/// `GET /admin/feeds`. Each feed posts `csrf` and `action` = `check` or `remove` to
/// `/admin/feeds/{id}`.
#[derive(Clone, Debug, Serialize)]
pub struct Feeds {
    pub desk: AdminLayout,
    pub feeds: Vec<FeedLine>,
    pub add: AddFeed,
}

pub async fn show(State(shared): State<SharedState>, editor: CurrentUser) -> HandlerResult {
    let view = view(&shared, &editor, AddFeed::default()).await?;
    page(&shared, &view)
}

/// Adds a feed and reads it at once: a slip is better told now than on Friday. What
/// cannot be read is not added.
pub async fn add(State(shared): State<SharedState>, posted: VerifiedForm) -> HandlerResult {
    let web = &shared.web;
    let typed = posted.fields.text("url");
    let refuse = async |fault: String| {
        let add = AddFeed {
            url: typed.chars().take(2000).collect(),
            fault: Some(fault),
        };
        let view = view(&shared, &posted.editor, add).await?;
        refused(&shared, &view)
    };
    let source = match parse(typed) {
        Ok(source) => source.to_string(),
        Err(error) => return refuse(error.to_string()).await,
    };
    let now = web.clock.now();
    let id = FeedId::new(now, &web.random);
    let added = web
        .store
        .add_feed(&id, &source, FeedOrigin::Added, now)
        .await?;
    let feed = find(&shared, |feed| feed.source == source).await?;
    match web.digests.collect_one(&feed).await?.result {
        Err(error) if added => {
            web.store.remove_feed(&source).await?;
            refuse(error).await
        }
        _ if added => {
            let object = AuditTarget::Feed(source);
            posted
                .editor
                .audit(&shared, AuditAction::FeedAdded, object)
                .await;
            Ok(redirect_with_flash(
                &shared,
                "/admin/feeds",
                FlashMessage::FeedAdded,
            ))
        }
        // The list tells how it went.
        _ => Ok(redirect(&shared, "/admin/feeds")),
    }
}

pub async fn act(
    State(shared): State<SharedState>,
    Path(id): Path<String>,
    posted: VerifiedForm,
) -> HandlerResult {
    let id = FeedId::parse(&id).map_err(|_| HttpError::NotFound)?;
    let feed = find(&shared, |feed| feed.id == id).await?;
    match posted.fields.text("action") {
        "check" => match shared.web.digests.collect_one(&feed).await?.result {
            Ok(_) => Ok(redirect_with_flash(
                &shared,
                "/admin/feeds",
                FlashMessage::FeedChecked,
            )),
            Err(_) => Ok(redirect(&shared, "/admin/feeds")),
        },
        // The next start would bring it back.
        "remove" if feed.origin == FeedOrigin::Settings => Err(HttpError::Unprocessable),
        "remove" => {
            shared.web.store.remove_feed(&feed.source).await?;
            let object = AuditTarget::Feed(feed.source);
            posted
                .editor
                .audit(&shared, AuditAction::FeedRemoved, object)
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

/// Files of this machine are for its own people to name, on the command line.
fn parse(typed: &str) -> Result<FeedSource, FeedSourceError> {
    match FeedSource::parse(typed, FilePath::new("/"))? {
        FeedSource::File(_) => Err(FeedSourceError::Malformed(
            typed.trim().chars().take(100).collect(),
            url::ParseError::RelativeUrlWithoutBase,
        )),
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
    editor: &CurrentUser,
    add: AddFeed,
) -> Result<Feeds, HttpError> {
    let store = &shared.web.store;
    let posts = store.posts_per_feed().await?;
    let line = |feed: FeedRow| FeedLine {
        id: feed.id.to_string(),
        url: feed.source,
        title: feed.title,
        checked_at: feed.last_read_at,
        last_good_at: feed.last_good_at,
        error: feed.last_error,
        posts: posts.get(&feed.id).copied().unwrap_or(0),
        from_settings: feed.origin == FeedOrigin::Settings,
    };
    Ok(Feeds {
        desk: editor.desk(shared),
        feeds: store.feeds().await?.into_iter().map(line).collect(),
        add,
    })
}
