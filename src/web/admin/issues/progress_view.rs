//! An issue that is being sent, or was: what its page shows first and its stream repeats.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::web::admin::issues::counts_view::TallyView;
use crate::web::issue_progress::ProgressSnapshot;
use crate::web::pages::maybe_millis;
use crate::web::pages::templates;

templates! {
    LiveProgress<'_> => "parts/send_progress.html",
    LiveFigures<'_> => "parts/send_counts.html",
}

#[derive(Clone, Debug, Serialize)]
pub struct Live {
    /// `Standing::as_str`
    pub state: &'static str,
    pub tally: TallyView,
    /// Whole copies in a second; below one of them, `per_minute` is set instead.
    pub per_second: Option<i64>,
    pub per_minute: Option<i64>,
    pub seconds_left: Option<i64>,
    /// Seconds without an answer from `server`, when they are too many.
    pub silent: Option<i64>,
    pub server: String,
    /// What was last heard, word for word.
    pub last: Option<String>,
    /// When the first of those who wait is tried again, while nothing else is to do.
    #[serde(serialize_with = "maybe_millis")]
    pub next_try: Option<Timestamp>,
    /// The server's words, when they were the reason.
    pub paused_why: Option<String>,
    /// Who did, by address.
    pub paused_by: Option<String>,
}

impl Live {
    pub fn new(look: &ProgressSnapshot, server: &str) -> Self {
        let issue = &look.sight.issue;
        let tally = &issue.tally;
        let rate = look.per_second.filter(|rate| *rate > 0.0);
        let waits = tally.queued == 0 && tally.deferred > 0;
        let next_try = look.sight.first_due.filter(|at| waits && *at > look.at);
        let seconds = |span: std::time::Duration| i64::try_from(span.as_secs()).ok();
        Self {
            state: look.standing().as_str(),
            tally: tally.into(),
            per_second: rate.filter(|rate| *rate >= 0.95).map(rounded),
            per_minute: rate
                .filter(|rate| *rate < 0.95)
                .map(|rate| rounded(rate * 60.0).max(1)),
            seconds_left: look.time_left.and_then(seconds),
            silent: look.silent.and_then(seconds),
            server: server.to_owned(),
            last: issue.last_words.clone(),
            next_try,
            paused_why: issue.paused_why.clone(),
            paused_by: issue.paused_by.clone(),
        }
    }
}

fn rounded(rate: f64) -> i64 {
    rate.round() as i64
}

/// The head of the panel, as the stream sends it.
#[derive(Clone, Debug, Serialize)]
pub struct LiveProgress<'a> {
    pub live: &'a Live,
}

/// The figures below it.
#[derive(Clone, Debug, Serialize)]
pub struct LiveFigures<'a> {
    pub live: &'a Live,
}
