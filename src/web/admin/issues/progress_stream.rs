//! `/admin/issues/{number}/live`: the progress of an issue as server-sent events.

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
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::web::admin::current_user::CurrentUser;
use crate::web::admin::issues::list::find_issue;
use crate::web::admin::issues::progress_view::{SendCountsPart, SendProgress, SendProgressPart};
use crate::web::admin::response::{HandlerResult, redirect};
use crate::web::issue_progress::{ProgressSnapshot, ProgressState};
use crate::web::render::PageError;
use crate::web::state::SharedState;

/// Minimum time between two events of a stream.
const MIN_EVENT_INTERVAL: Duration = Duration::from_millis(500);

/// Time between two comments that keep the connection open. Shorter than the idle timeout
/// of common reverse proxies.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// Time between two checks whether the session still exists. A stream ends this long after
/// its session.
const SESSION_CHECK_INTERVAL: Duration = Duration::from_secs(3);

/// Time after which a browser reconnects.
const RECONNECT_DELAY: Duration = Duration::from_secs(2);

/// `GET /admin/issues/{number}/live`: the event stream. A browser that opens it as a page
/// is redirected to the issue.
pub async fn stream(
    State(shared): State<SharedState>,
    user: CurrentUser,
    Path(number): Path<String>,
    headers: HeaderMap,
) -> HandlerResult {
    let issue = find_issue(&shared.web, &number).await?;
    let accepts = headers.get(header::ACCEPT).map(HeaderValue::as_bytes);
    if accepts.is_some_and(|accepts| accepts.starts_with(b"text/html")) {
        let path = format!("/admin/issues/{}", issue.number);
        return Ok(redirect(&shared, &path));
    }
    let first_check = Instant::now() + SESSION_CHECK_INTERVAL;
    let mut session_check = tokio::time::interval_at(first_check, SESSION_CHECK_INTERVAL);
    session_check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stream = ProgressStream {
        updates: shared.live.watch(issue.id),
        shared,
        user,
        session_check,
        last_sent: String::new(),
        next_event_at: Instant::now(),
        state: StreamState::Running,
    };
    Ok(event_response(stream.into_events()))
}

fn event_response(
    events: impl Stream<Item = Result<Event, Infallible>> + Send + 'static,
) -> Response {
    let keep_alive = KeepAlive::new()
        .interval(KEEP_ALIVE_INTERVAL)
        .text("keep-alive");
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    let headers = response.headers_mut();
    // nginx buffers responses unless this header is set.
    let unbuffered = HeaderName::from_static("x-accel-buffering");
    headers.insert(unbuffered, HeaderValue::from_static("no"));
    let no_store = HeaderValue::from_static("no-store, no-transform");
    headers.insert(header::CACHE_CONTROL, no_store);
    response
}

/// What a stream sends next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StreamState {
    /// `progress` events.
    Running,
    /// The event `done`, since the final progress was sent.
    SendDone,
    /// Nothing; the stream ends.
    Closed,
}

/// The event stream of one browser.
struct ProgressStream {
    shared: SharedState,
    user: CurrentUser,
    updates: watch::Receiver<ProgressState>,
    session_check: Interval,
    /// Data of the last event, so that no event is repeated.
    last_sent: String,
    next_event_at: Instant,
    state: StreamState,
}

impl ProgressStream {
    fn into_events(mut self) -> impl Stream<Item = Result<Event, Infallible>> {
        // The current progress is the first event.
        self.updates.mark_changed();
        stream::unfold(self, |mut stream| async move {
            let event = stream.next().await?;
            Some((Ok(event), stream))
        })
    }

    async fn next(&mut self) -> Option<Event> {
        match self.state {
            StreamState::Running => {}
            StreamState::SendDone => return Some(self.done_event()),
            StreamState::Closed => return None,
        }
        let shared = Arc::clone(&self.shared);
        loop {
            tokio::select! {
                () = shared.live.closed() => return None,
                // `done` makes the page reload, which redirects to the login page.
                _ = self.session_check.tick() => if !self.is_logged_in().await {
                    return Some(self.done_event());
                },
                snapshot = next_snapshot(&mut self.updates, self.next_event_at) => {
                    let snapshot = snapshot?;
                    if let Some(event) = self.progress_event(&snapshot) {
                        return Some(event);
                    }
                }
            }
        }
    }

    fn done_event(&mut self) -> Event {
        self.state = StreamState::Closed;
        Event::default().event("done").data("{}")
    }

    /// Returns whether the session still exists. A database error does not end the stream.
    async fn is_logged_in(&self) -> bool {
        let web = &self.shared.web;
        let session = web.store.session(&self.user.session, web.clock.now());
        !matches!(session.await, Ok(None))
    }

    /// Returns an event, unless nothing has changed since the last one.
    fn progress_event(&mut self, snapshot: &ProgressSnapshot) -> Option<Event> {
        let data = match progress_json(&self.shared, snapshot) {
            Ok(data) => data,
            Err(error) => {
                tracing::error!(%error, "cannot render progress event");
                return None;
            }
        };
        if snapshot.standing().is_over() {
            self.state = StreamState::SendDone;
        }
        if data == self.last_sent && self.state == StreamState::Running {
            return None;
        }
        self.next_event_at = Instant::now() + MIN_EVENT_INTERVAL;
        self.last_sent = data;
        Some(
            Event::default()
                .event("progress")
                .retry(RECONNECT_DELAY)
                .data(&self.last_sent),
        )
    }
}

/// Waits until `not_before` and then for a new snapshot. Returns `None` when the sender was
/// dropped.
async fn next_snapshot(
    updates: &mut watch::Receiver<ProgressState>,
    not_before: Instant,
) -> Option<Arc<ProgressSnapshot>> {
    loop {
        tokio::time::sleep_until(not_before).await;
        updates.changed().await.ok()?;
        if let ProgressState::Look(snapshot) = &*updates.borrow_and_update() {
            return Some(Arc::clone(snapshot));
        }
    }
}

/// Data of a `progress` event.
#[derive(Serialize)]
struct Progress<'a> {
    state: &'static str,
    sent: i64,
    /// Deliveries in a final state. With failures, `sent` never reaches `total`.
    settled: i64,
    total: i64,
    failed: i64,
    retrying: i64,
    waiting: i64,
    /// Deliveries per second.
    rate: Option<f64>,
    /// Estimated remaining time in seconds.
    eta: Option<i64>,
    last: Option<&'a str>,
    /// HTML by the element (`data-part`) that it replaces.
    parts: BTreeMap<&'static str, String>,
}

fn progress_json(shared: &SharedState, snapshot: &ProgressSnapshot) -> Result<String, PageError> {
    let view = SendProgress::new(snapshot, &shared.web.mail_goes_to);
    let counts = &snapshot.sight.issue.counts;
    let progress_part = SendProgressPart { progress: &view };
    let counts_part = SendCountsPart { progress: &view };
    let parts = BTreeMap::from([
        ("progress", shared.pages.text(&progress_part)?),
        ("figures", shared.pages.text(&counts_part)?),
    ]);
    let progress = Progress {
        state: view.state,
        sent: counts.delivered,
        settled: counts.recipients() - counts.remaining(),
        total: counts.recipients(),
        failed: counts.failed(),
        retrying: counts.deferred,
        waiting: counts.queued,
        rate: snapshot.per_second.map(|rate| (rate * 10.0).round() / 10.0),
        eta: view.seconds_left,
        last: view.last_reply.as_deref(),
        parts,
    };
    Ok(serde_json::to_string(&progress).unwrap_or_default())
}
