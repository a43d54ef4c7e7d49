//! The next issue: looked at, tried, sent.

use serde::Serialize;

use super::{Desk, Shown};
use crate::domain::clock::Timestamp;
use crate::web::pages::{maybe_millis, millis};

#[derive(Clone, Debug, Serialize)]
pub struct ChosenPost {
    pub title: String,
    pub url: String,
    #[serde(serialize_with = "millis")]
    pub published_at: Timestamp,
    pub why: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct LeftOut {
    pub title: String,
    pub why: String,
}

/// Posts `csrf` and `email` to `/admin/next/test`.
#[derive(Clone, Debug, Serialize)]
pub struct TestForm {
    pub address: String,
    pub fault: Option<String>,
}

/// `GET /admin/next`. Posts `csrf` to `/admin/next/collect`.
#[derive(Clone, Debug, Serialize)]
pub struct Next {
    pub desk: Desk,
    pub number: i64,
    pub subject: String,
    #[serde(serialize_with = "maybe_millis")]
    pub goes_at: Option<Timestamp>,
    pub readers: i64,
    /// None: nothing new, nothing will be sent.
    pub posts: Vec<ChosenPost>,
    pub left_out: Vec<LeftOut>,
    /// Html or Text.
    pub preview: Shown,
    /// The mail's size after encoding.
    pub bytes: Option<usize>,
    pub test: TestForm,
}

/// `GET /admin/next/send`: the last look. Posts `csrf` and `reviewed` there.
#[derive(Clone, Debug, Serialize)]
pub struct Send {
    pub desk: Desk,
    pub number: i64,
    pub subject: String,
    pub from: String,
    pub readers: i64,
    pub titles: Vec<String>,
    /// Why it cannot be sent, in words; with any, there is no button.
    pub blockers: Vec<String>,
    pub to_outbox: bool,
    /// Names what was looked at, so that nothing else is sent.
    pub reviewed: String,
}
