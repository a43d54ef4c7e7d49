//! The mail that is kept as files.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::web::admin::views::{AdminLayout, Shown};
use crate::web::render::millis;

#[derive(Clone, Debug, Serialize)]
pub struct OutboxLine {
    /// As it stands in `/admin/outbox/{id}`: safe in a path.
    pub id: String,
    pub subject: String,
    pub to: String,
    #[serde(serialize_with = "millis")]
    pub at: Timestamp,
}

/// `GET /admin/outbox?after=`.
#[derive(Clone, Debug, Serialize)]
pub struct Outbox {
    pub desk: AdminLayout,
    pub smtp_set: bool,
    pub mails: Vec<OutboxLine>,
    pub newer: bool,
    pub older: Option<String>,
}

/// `GET /admin/outbox/{id}`, its HTML at `/admin/outbox/{id}/html`.
#[derive(Clone, Debug, Serialize)]
pub struct OutboxMail {
    pub desk: AdminLayout,
    pub id: String,
    pub subject: String,
    pub from: String,
    pub to: String,
    #[serde(serialize_with = "millis")]
    pub at: Timestamp,
    pub shown: Shown,
}
