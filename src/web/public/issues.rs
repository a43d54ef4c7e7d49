//! Past issues: the archive, each as a page, and the Atom feed. They are made from the
//! stored posts, never from the mail: no reader's token is in any of them.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use chrono::Datelike;
use chrono_tz::Tz;

use crate::domain::issue::{IssueNumber, IssueState};
use crate::store::{IssueRow, Store, StoreError};
use crate::web::error::HttpError;
use crate::web::public::views::{
    ArchiveYear, FeedEntry, Issue, IssueLink, Issues, IssuesFeed, PostLine,
};
use crate::web::public::{HandlerResult, Keep, home, keep};
use crate::web::state::{AppState, SharedState};

const ATOM: &str = "application/atom+xml; charset=utf-8";
/// Entries of the feed.
const NEWEST: usize = 20;
/// Rows read at once.
const PAGE: i64 = 200;

/// `GET /issues`.
pub async fn archive(State(state): State<SharedState>) -> HandlerResult {
    let issues = published(&state.web.store, usize::MAX).await?;
    let page = Issues {
        next_issue_at: if issues.is_empty() {
            state.next_issue_at().await?
        } else {
            None
        },
        years: by_year(&issues, state.site.zone),
        form: home::blank_form(&state),
    };
    Ok(keep(Keep::Minute, state.pages.html(&page)?))
}

/// `GET /issues/{number}`.
pub async fn show(State(state): State<SharedState>, InPath(number): InPath) -> HandlerResult {
    let number = number.ok_or(HttpError::NotFound)?;
    let store = &state.web.store;
    let issue = store.issue(number).await?.ok_or(HttpError::NotFound)?;
    if !is_published(&issue) && !is_in_an_inbox(&issue) {
        return Err(HttpError::NotFound);
    }
    let page = Issue {
        number: number.get(),
        title: issue.subject.clone(),
        sent_at: issue.frozen_at,
        note: store.issue_note(&issue.id).await?,
        posts: posts(&state, &issue).await?,
        previous: newest(store, Some(number)).await?.as_ref().map(link),
        next: following(store, number).await?.as_ref().map(link),
        form: home::blank_form(&state),
    };
    let mut answer = keep(Keep::Minute, state.pages.html(&page)?);
    if !is_published(&issue) {
        let robots = HeaderName::from_static("x-robots-tag");
        let stay_away = HeaderValue::from_static("noindex");
        answer.headers_mut().insert(robots, stay_away);
    }
    Ok(answer)
}

/// `GET /issues/feed.xml`.
pub async fn feed(State(state): State<SharedState>) -> HandlerResult {
    let issues = published(&state.web.store, NEWEST).await?;
    let mut entries = Vec::with_capacity(issues.len());
    for issue in &issues {
        entries.push(FeedEntry {
            number: issue.number.get(),
            title: issue.subject.clone(),
            sent_at: issue.frozen_at,
            note: state.web.store.issue_note(&issue.id).await?,
            posts: posts(&state, issue).await?,
        });
    }
    let updated_at = entries
        .first()
        .map_or_else(|| state.now(), |entry| entry.sent_at);
    let feed = state.pages.text(&IssuesFeed {
        updated_at,
        entries,
    })?;
    Ok(keep(Keep::Quarter, ([(header::CONTENT_TYPE, ATOM)], feed)))
}

/// Issues that readers have got, if only some so far. A cancelled one is not listed: it
/// was called back.
fn is_published(issue: &IssueRow) -> bool {
    match issue.state {
        IssueState::Sending | IssueState::Paused | IssueState::Sent => true,
        IssueState::Cancelled => false,
    }
}

/// A copy that came before an issue was cancelled leads to it still; nothing else does.
fn is_in_an_inbox(issue: &IssueRow) -> bool {
    issue.counts.delivered + issue.counts.in_doubt > 0
}

/// The newest issue, or the newest one below a number.
pub async fn newest(
    store: &Store,
    mut before: Option<IssueNumber>,
) -> Result<Option<IssueRow>, StoreError> {
    loop {
        let few = store.issues(before, 4).await?;
        let Some(last) = few.last() else {
            return Ok(None);
        };
        before = Some(last.number);
        if let Some(found) = few.into_iter().find(is_published) {
            return Ok(Some(found));
        }
    }
}

/// The next one above a number; numbers have no gaps.
async fn following(store: &Store, mut number: IssueNumber) -> Result<Option<IssueRow>, StoreError> {
    loop {
        number = number.next();
        match store.issue(number).await? {
            Some(issue) if !is_published(&issue) => {}
            found => return Ok(found),
        }
    }
}

/// Newest first, at most so many.
async fn published(store: &Store, most: usize) -> Result<Vec<IssueRow>, StoreError> {
    let mut all = Vec::new();
    let mut before = None;
    while all.len() < most {
        let page = store.issues(before, PAGE).await?;
        let Some(last) = page.last() else { break };
        before = Some(last.number);
        all.extend(page.into_iter().filter(is_published));
    }
    all.truncate(most);
    Ok(all)
}

async fn posts(state: &AppState, issue: &IssueRow) -> Result<Vec<PostLine>, StoreError> {
    let posts = state.web.store.issue_posts(&issue.id).await?;
    let line = |post| PostLine {
        url: state.web.digests.link_to(post).to_string(),
        ..PostLine::from(post)
    };
    Ok(posts.iter().map(line).collect())
}

pub fn link(issue: &IssueRow) -> IssueLink {
    IssueLink {
        number: issue.number.get(),
        title: issue.subject.clone(),
        sent_at: issue.frozen_at,
    }
}

fn by_year(issues: &[IssueRow], zone: Tz) -> Vec<ArchiveYear> {
    let year = |issue: &IssueRow| issue.frozen_at.to_utc().with_timezone(&zone).year();
    issues
        .chunk_by(|a, b| year(a) == year(b))
        .filter_map(|of_year| {
            let first = of_year.first()?;
            Some(ArchiveYear {
                year: year(first),
                issues: of_year.iter().map(link).collect(),
            })
        })
        .collect()
}

/// A number in the one way it is written: an issue has one address.
pub struct InPath(Option<IssueNumber>);

impl FromRequestParts<SharedState> for InPath {
    type Rejection = Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        state: &SharedState,
    ) -> Result<Self, Infallible> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let text = path.map(|Path(text)| text).unwrap_or_default();
        let number = IssueNumber::parse(&text).ok();
        Ok(Self(number.filter(|number| number.to_string() == text)))
    }
}
