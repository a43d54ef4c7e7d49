//! Past issues: the archive, one page per issue, and the Atom feed.
//!
//! They are rendered from the stored posts and not from the sent messages, so they contain no
//! subscriber's token.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use jiff::tz::TimeZone;
use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::domain::issue::post::Post;
use crate::domain::issue::{IssueNumber, IssueState};
use crate::store::{IssueRow, Store, StoreError};
use crate::web::error::HttpError;
use crate::web::public::response::{CachePolicy, HandlerResult, with_cache};
use crate::web::public::signup_form::SignupForm;
use crate::web::render::{maybe_millis, millis, templates};
use crate::web::state::{AppState, SharedState};

/// Media type of the feed (RFC 4287 §7).
const ATOM: &str = "application/atom+xml; charset=utf-8";
/// Maximum number of entries of the feed.
const MAX_FEED_ENTRIES: usize = 20;
/// Rows read per query.
const BATCH_SIZE: i64 = 200;

templates! {
    Issues => "public/issues.html",
    Issue => "public/issue.html",
    IssuesFeed => "public/issues_feed.xml",
}

/// A post in a list.
#[derive(Clone, Debug, Serialize)]
pub struct PostItem {
    /// Title.
    pub title: String,
    /// Link to the post, or to the click counter.
    pub url: String,
    /// Excerpt.
    pub excerpt: String,
    /// Author.
    pub author: Option<String>,
    /// Reading time, in minutes.
    pub minutes: Option<u32>,
}

impl From<&Post> for PostItem {
    fn from(post: &Post) -> Self {
        Self {
            title: post.title.clone(),
            url: post.url.to_string(),
            excerpt: post.excerpt.clone(),
            author: post.author.clone(),
            minutes: post.minutes,
        }
    }
}

/// Link to an issue.
#[derive(Clone, Debug, Serialize)]
pub struct IssueLink {
    /// Number of the issue.
    pub number: i64,
    /// Its subject.
    pub title: String,
    /// When sending started.
    #[serde(serialize_with = "millis")]
    pub sent_at: Timestamp,
}

impl From<&IssueRow> for IssueLink {
    fn from(issue: &IssueRow) -> Self {
        Self {
            number: issue.number.get(),
            title: issue.subject.clone(),
            sent_at: issue.frozen_at,
        }
    }
}

/// The issues of one year.
#[derive(Clone, Debug, Serialize)]
pub struct ArchiveYear {
    /// The year, in the newsletter's time zone.
    pub year: i32,
    /// Newest first.
    pub issues: Vec<IssueLink>,
}

/// The archive, `GET /issues`.
#[derive(Clone, Debug, Serialize)]
pub struct Issues {
    /// Newest first.
    pub years: Vec<ArchiveYear>,
    /// When the next issue is sent. Set only if the archive is empty.
    #[serde(serialize_with = "maybe_millis")]
    pub next_issue_at: Option<Timestamp>,
    /// The sign-up form.
    pub form: SignupForm,
}

/// The page of an issue, `GET /issues/{number}`.
#[derive(Clone, Debug, Serialize)]
pub struct Issue {
    /// Number of the issue.
    pub number: i64,
    /// Its subject.
    pub title: String,
    /// When sending started.
    #[serde(serialize_with = "millis")]
    pub sent_at: Timestamp,
    /// The editor's note, in Markdown.
    pub note: Option<String>,
    /// Posts of the issue.
    pub posts: Vec<PostItem>,
    /// The issue before this one.
    pub previous: Option<IssueLink>,
    /// The issue after this one.
    pub next: Option<IssueLink>,
    /// The sign-up form.
    pub form: SignupForm,
}

/// An entry of the feed.
#[derive(Clone, Debug, Serialize)]
pub struct FeedEntry {
    /// Number of the issue.
    pub number: i64,
    /// Its subject.
    pub title: String,
    /// When sending started.
    #[serde(serialize_with = "millis")]
    pub sent_at: Timestamp,
    /// The editor's note, in Markdown.
    pub note: Option<String>,
    /// Posts of the issue.
    pub posts: Vec<PostItem>,
}

/// The feed, `GET /issues/feed.xml` (RFC 4287).
#[derive(Clone, Debug, Serialize)]
pub struct IssuesFeed {
    /// Time of the newest entry, or the current time without entries.
    #[serde(serialize_with = "millis")]
    pub updated_at: Timestamp,
    /// Newest first.
    pub entries: Vec<FeedEntry>,
}

/// Shows the archive.
pub async fn show_archive(State(state): State<SharedState>) -> HandlerResult {
    let issues = published_issues(&state.web.store, usize::MAX).await?;
    let page = Issues {
        next_issue_at: if issues.is_empty() {
            state.next_issue_at().await?
        } else {
            None
        },
        years: group_by_year(&issues, &state.site.zone),
        form: SignupForm::blank(&state),
    };
    Ok(with_cache(CachePolicy::OneMinute, state.pages.html(&page)?))
}

/// Shows an issue.
pub async fn show(State(state): State<SharedState>, path: IssuePath) -> HandlerResult {
    let number = path.number.ok_or(HttpError::NotFound)?;
    let store = &state.web.store;
    let issue = store.issue(number).await?.ok_or(HttpError::NotFound)?;
    if !is_published(&issue) && !was_delivered(&issue) {
        return Err(HttpError::NotFound);
    }
    let previous = newest_issue(store, Some(number)).await?;
    let next = next_issue(store, number).await?;
    let page = Issue {
        number: number.get(),
        title: issue.subject.clone(),
        sent_at: issue.frozen_at,
        note: store.issue_note(&issue.id).await?,
        posts: issue_posts(&state, &issue).await?,
        previous: previous.as_ref().map(IssueLink::from),
        next: next.as_ref().map(IssueLink::from),
        form: SignupForm::blank(&state),
    };
    let mut response = with_cache(CachePolicy::OneMinute, state.pages.html(&page)?);
    if !is_published(&issue) {
        let robots = HeaderName::from_static("x-robots-tag");
        let noindex = HeaderValue::from_static("noindex");
        response.headers_mut().insert(robots, noindex);
    }
    Ok(response)
}

/// Returns the feed.
pub async fn feed(State(state): State<SharedState>) -> HandlerResult {
    let issues = published_issues(&state.web.store, MAX_FEED_ENTRIES).await?;
    let mut entries = Vec::with_capacity(issues.len());
    for issue in &issues {
        entries.push(FeedEntry {
            number: issue.number.get(),
            title: issue.subject.clone(),
            sent_at: issue.frozen_at,
            note: state.web.store.issue_note(&issue.id).await?,
            posts: issue_posts(&state, issue).await?,
        });
    }
    let updated_at = entries
        .first()
        .map_or_else(|| state.now(), |entry| entry.sent_at);
    let feed = state.pages.text(&IssuesFeed {
        updated_at,
        entries,
    })?;
    let response = ([(header::CONTENT_TYPE, ATOM)], feed);
    Ok(with_cache(CachePolicy::FifteenMinutes, response))
}

/// Returns whether the issue is listed in the archive. A cancelled issue is not.
fn is_published(issue: &IssueRow) -> bool {
    match issue.state {
        IssueState::Sending | IssueState::Paused | IssueState::Sent => true,
        IssueState::Cancelled => false,
    }
}

/// Returns whether a subscriber may have received the issue. Its page stays available after a
/// cancellation, because the received message links to it.
fn was_delivered(issue: &IssueRow) -> bool {
    issue.counts.delivered + issue.counts.in_doubt > 0
}

/// Returns the newest published issue, or the newest one before a number.
///
/// # Errors
/// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
/// stored value cannot be parsed.
pub async fn newest_issue(
    store: &Store,
    mut before: Option<IssueNumber>,
) -> Result<Option<IssueRow>, StoreError> {
    loop {
        let batch = store.issues(before, 4).await?;
        let Some(last) = batch.last() else {
            return Ok(None);
        };
        before = Some(last.number);
        if let Some(found) = batch.into_iter().find(is_published) {
            return Ok(Some(found));
        }
    }
}

/// Returns the first published issue after a number. Numbers have no gaps.
async fn next_issue(
    store: &Store,
    mut number: IssueNumber,
) -> Result<Option<IssueRow>, StoreError> {
    loop {
        number = number.next();
        match store.issue(number).await? {
            Some(issue) if !is_published(&issue) => {}
            found => return Ok(found),
        }
    }
}

/// Returns at most `max` published issues, newest first.
async fn published_issues(store: &Store, max: usize) -> Result<Vec<IssueRow>, StoreError> {
    let mut issues = Vec::new();
    let mut before = None;
    while issues.len() < max {
        let batch = store.issues(before, BATCH_SIZE).await?;
        let Some(last) = batch.last() else { break };
        before = Some(last.number);
        issues.extend(batch.into_iter().filter(is_published));
    }
    issues.truncate(max);
    Ok(issues)
}

async fn issue_posts(state: &AppState, issue: &IssueRow) -> Result<Vec<PostItem>, StoreError> {
    let posts = state.web.store.issue_posts(&issue.id).await?;
    let item = |post| PostItem {
        url: state.web.digests.post_link(post).to_string(),
        ..PostItem::from(post)
    };
    Ok(posts.iter().map(item).collect())
}

/// Groups issues, which are ordered by time, by their year in `zone`.
fn group_by_year(issues: &[IssueRow], zone: &TimeZone) -> Vec<ArchiveYear> {
    let year = |issue: &IssueRow| i32::from(issue.frozen_at.in_zone(zone).year());
    issues
        .chunk_by(|a, b| year(a) == year(b))
        .filter_map(|chunk| {
            Some(ArchiveYear {
                year: year(chunk.first()?),
                issues: chunk.iter().map(IssueLink::from).collect(),
            })
        })
        .collect()
}

/// The issue number of the path; `None` unless it is in canonical form, so that an issue has
/// one URL.
pub struct IssuePath {
    number: Option<IssueNumber>,
}

impl FromRequestParts<SharedState> for IssuePath {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &SharedState,
    ) -> Result<Self, Infallible> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let text = path.map(|Path(text)| text).unwrap_or_default();
        let number = IssueNumber::parse(&text).ok();
        let number = number.filter(|number| number.to_string() == text);
        Ok(Self { number })
    }
}
