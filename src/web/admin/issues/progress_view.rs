//! Progress of an issue that is being sent: what its page shows first and its event stream
//! updates.

use std::time::Duration;

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::web::admin::issues::counts_view::CountsView;
use crate::web::issue_progress::ProgressSnapshot;
use crate::web::render::{maybe_millis, templates};

templates! {
    SendProgressPart<'_> => "parts/send_progress.html",
    SendCountsPart<'_> => "parts/send_counts.html",
}

/// Rate below which deliveries are shown per minute. 0.95 is the lowest rate that rounds to
/// one per second without being far off.
const MIN_RATE_PER_SECOND: f64 = 0.95;

/// How far an issue is.
#[derive(Clone, Debug, Serialize)]
pub struct SendProgress {
    /// `IssueStatus::as_str`
    pub state: &'static str,
    /// Delivery counts.
    pub counts: CountsView,
    /// Deliveries per second, rounded; `None` for slower rates.
    pub per_second: Option<i64>,
    /// Deliveries per minute, rounded, for rates below one per second.
    pub per_minute: Option<i64>,
    /// Estimated remaining time in seconds.
    pub seconds_left: Option<i64>,
    /// Seconds without a response from `server`, if they are too many.
    pub stalled_for: Option<i64>,
    /// The SMTP server or the outbox folder.
    pub server: String,
    /// Last SMTP reply.
    pub last_reply: Option<String>,
    /// Next attempt of a deferred delivery, if no other delivery remains.
    #[serde(serialize_with = "maybe_millis")]
    pub next_attempt_at: Option<Timestamp>,
    /// The SMTP reply because of which the issue was paused.
    pub pause_reason: Option<String>,
    /// Address of the account that paused the issue.
    pub paused_by: Option<String>,
}

impl SendProgress {
    /// Creates the view of a snapshot. `server` is where mail goes.
    pub fn new(snapshot: &ProgressSnapshot, server: &str) -> Self {
        let issue = &snapshot.sight.issue;
        let counts = &issue.counts;
        let rate = snapshot.per_second.filter(|rate| *rate > 0.0);
        let is_waiting = counts.queued == 0 && counts.deferred > 0;
        let next_attempt_at = snapshot
            .sight
            .first_due
            .filter(|at| is_waiting && *at > snapshot.at);
        let seconds = |span: Duration| i64::try_from(span.as_secs()).ok();
        Self {
            state: snapshot.standing().as_str(),
            counts: counts.into(),
            per_second: rate
                .filter(|rate| *rate >= MIN_RATE_PER_SECOND)
                .map(|rate| rate.round() as i64),
            per_minute: rate
                .filter(|rate| *rate < MIN_RATE_PER_SECOND)
                .map(|rate| ((rate * 60.0).round() as i64).max(1)),
            seconds_left: snapshot.time_left.and_then(seconds),
            stalled_for: snapshot.silent.and_then(seconds),
            server: server.to_owned(),
            last_reply: issue.last_reply.clone(),
            next_attempt_at,
            pause_reason: issue.pause_reason.clone(),
            paused_by: issue.paused_by.clone(),
        }
    }
}

/// The upper part of the progress panel, also sent by the event stream.
#[derive(Clone, Debug, Serialize)]
pub struct SendProgressPart<'a> {
    /// How far the issue is.
    pub progress: &'a SendProgress,
}

/// The delivery counts of the progress panel, also sent by the event stream.
#[derive(Clone, Debug, Serialize)]
pub struct SendCountsPart<'a> {
    /// How far the issue is.
    pub progress: &'a SendProgress,
}
