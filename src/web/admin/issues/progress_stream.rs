//! `/admin/issues/{number}/live`: how a send goes, as server-sent events.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, Interval};

use crate::web::admin::current_user::CurrentUser;
use crate::web::admin::issues::list;
use crate::web::admin::issues::progress_view::{Live, LiveFigures, LiveProgress};
use crate::web::admin::response::{HandlerResult, redirect};
use crate::web::issue_progress::{ProgressSnapshot, ProgressState};
use crate::web::pages::PageError;
use crate::web::state::SharedState;

/// Between two events.
const PACE: Duration = Duration::from_millis(500);
/// So that what stands between does not take the stream for dead.
const COMMENT: Duration = Duration::from_secs(15);
/// How soon a stream ends after its session was.
const SESSION: Duration = Duration::from_secs(3);
/// How soon a browser connects again.
const RETRY: Duration = Duration::from_secs(2);

/// The stream for a browser's `EventSource`; people who come here are sent to the page.
pub async fn follow(
    State(shared): State<SharedState>,
    editor: CurrentUser,
    Path(number): Path<String>,
    headers: HeaderMap,
) -> HandlerResult {
    let issue = list::find(&shared.web, &number).await?;
    let accepts = headers.get(header::ACCEPT).map(HeaderValue::as_bytes);
    if accepts.is_some_and(|accepts| accepts.starts_with(b"text/html")) {
        let page = format!("/admin/issues/{}", issue.number);
        return Ok(redirect(&shared, &page));
    }
    let mut session = tokio::time::interval_at(Instant::now() + SESSION, SESSION);
    session.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let follower = Follower {
        seen: shared.live.watch(issue.id),
        shared,
        editor,
        session,
        sent: String::new(),
        free_at: Instant::now(),
        end: End::NotYet,
    };
    Ok(answer(follower.events()))
}

fn answer(events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static) -> Response {
    let comments = KeepAlive::new().interval(COMMENT).text("sending goes on");
    let mut response = Sse::new(events).keep_alive(comments).into_response();
    let headers = response.headers_mut();
    // nginx collects what it passes on, unless told.
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    headers.insert(unbuffered, HeaderValue::from_static("no"));
    let never_kept = HeaderValue::from_static("no-store, no-transform");
    headers.insert(header::CACHE_CONTROL, never_kept);
    response
}

/// What the stream has still to say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    NotYet,
    /// The last figures were sent; `done` follows.
    Done,
    Over,
}

/// One browser's stream.
struct Follower {
    shared: SharedState,
    editor: CurrentUser,
    seen: watch::Receiver<ProgressState>,
    session: Interval,
    /// The last figures that were sent, so that nothing is said twice.
    sent: String,
    free_at: Instant,
    end: End,
}

impl Follower {
    fn events(mut self) -> impl Stream<Item = Result<Event, Infallible>> {
        self.seen.mark_changed();
        stream::unfold(self, |mut follower| async move {
            let event = follower.next().await?;
            Some((Ok(event), follower))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        match self.end {
            End::NotYet => {}
            End::Done => return Some(self.done()),
            End::Over => return None,
        }
        let shared = Arc::clone(&self.shared);
        loop {
            tokio::select! {
                () = shared.live.closed() => return None,
                // The page asks for itself then, and is sent to the door.
                _ = self.session.tick() => if !self.is_logged_in().await {
                    return Some(self.done());
                },
                look = next_look(&mut self.seen, self.free_at) => {
                    let look = look?;
                    if let Some(event) = self.tell(&look) {
                        return Some(event);
                    }
                }
            }
        }
    }

    fn done(&mut self) -> Event {
        self.end = End::Over;
        Event::default().event("done").data("{}")
    }

    async fn is_logged_in(&self) -> bool {
        let web = &self.shared.web;
        let session = web.store.session(&self.editor.session, web.clock.now());
        // A database that does not answer logs nobody out.
        !matches!(session.await, Ok(None))
    }

    /// The figures, if they are others than before.
    fn tell(&mut self, look: &ProgressSnapshot) -> Option<Event> {
        let figures = match figures(&self.shared, look) {
            Ok(figures) => figures,
            Err(error) => {
                tracing::error!(%error, "a stream cannot tell how a send goes");
                return None;
            }
        };
        if look.standing().is_over() {
            self.end = End::Done;
        }
        if figures == self.sent && self.end == End::NotYet {
            return None;
        }
        self.free_at = Instant::now() + PACE;
        self.sent = figures;
        Some(
            Event::default()
                .event("progress")
                .retry(RETRY)
                .data(&self.sent),
        )
    }
}

/// The next look that is news, not before `free_at`; `None` when its reader is gone.
async fn next_look(
    seen: &mut watch::Receiver<ProgressState>,
    free_at: Instant,
) -> Option<Arc<ProgressSnapshot>> {
    loop {
        tokio::time::sleep_until(free_at).await;
        seen.changed().await.ok()?;
        if let ProgressState::Look(look) = &*seen.borrow_and_update() {
            return Some(Arc::clone(look));
        }
    }
}

#[derive(Serialize)]
struct Progress<'a> {
    state: &'static str,
    sent: i64,
    /// Of whom nothing more is to come: with failures, `sent` never reaches `total`.
    settled: i64,
    total: i64,
    failed: i64,
    retrying: i64,
    waiting: i64,
    /// Copies a second.
    rate: Option<f64>,
    /// Seconds left.
    eta: Option<i64>,
    last: Option<&'a str>,
    /// Markup by the place on the page (`data-part`) that it belongs in.
    parts: BTreeMap<&'static str, String>,
}

fn figures(shared: &SharedState, look: &ProgressSnapshot) -> Result<String, PageError> {
    let live = Live::new(look, &shared.web.mail_goes_to);
    let tally = &look.sight.issue.tally;
    let parts = BTreeMap::from([
        (
            "progress",
            shared.pages.text(&LiveProgress { live: &live })?,
        ),
        ("figures", shared.pages.text(&LiveFigures { live: &live })?),
    ]);
    let progress = Progress {
        state: live.state,
        sent: tally.delivered,
        settled: tally.recipients() - tally.remaining(),
        total: tally.recipients(),
        failed: tally.failed(),
        retrying: tally.deferred,
        waiting: tally.queued,
        rate: look.per_second.map(|rate| (rate * 10.0).round() / 10.0),
        eta: live.seconds_left,
        last: live.last.as_deref(),
        parts,
    };
    Ok(serde_json::to_string(&progress).unwrap_or_default())
}
