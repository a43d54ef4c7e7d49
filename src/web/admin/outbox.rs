//! `/admin/outbox`: the mail that is kept as files.

use std::io;

use axum::extract::{Path, Query, State};
use serde::Deserialize;

use crate::domain::clock::Timestamp;
use crate::mail::outbox::{self, MailName, OutboxEntry, OutboxPage};
use crate::web::admin::current_user::CurrentUser;
use crate::web::admin::layout::AdminLayout;
use crate::web::admin::response::{HandlerResult, page};
use crate::web::error::HttpError;
use crate::web::headers;
use crate::web::pages::millis;
use crate::web::pages::templates;
use crate::web::state::SharedState;
use serde::Serialize;

templates! {
    Outbox => "admin/outbox.html",
    OutboxMail => "admin/outbox_mail.html",
}

/// A mail as its tabs show it. The HTML comes from `{page}/html` by
/// [`crate::web::headers::mail_frame`]; the others are `{page}?show=text|source`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Shown {
    Html,
    Text { body: String },
    Source { body: String },
}

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

const PAGE: usize = 50;

#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    show: String,
    /// How many are before this page.
    #[serde(default)]
    after: String,
}

pub async fn show(
    State(shared): State<SharedState>,
    editor: CurrentUser,
    Query(asked): Query<Asked>,
) -> HandlerResult {
    let skip = asked.after.parse::<usize>().unwrap_or(0);
    let found = match shared.web.outbox.clone() {
        Some(outbox) => from_disk(move || outbox.list(skip, PAGE)).await?,
        None => OutboxPage {
            entries: Vec::new(),
            total: 0,
        },
    };
    let seen = skip.saturating_add(found.entries.len());
    let view = Outbox {
        desk: editor.desk(&shared),
        smtp_set: shared.web.outbox.is_none(),
        older: (seen < found.total).then(|| seen.to_string()),
        mails: found.entries.into_iter().map(line).collect(),
        newer: skip > 0,
    };
    page(&shared, &view)
}

pub async fn mail(
    State(shared): State<SharedState>,
    editor: CurrentUser,
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
) -> HandlerResult {
    let mail = read(&shared, &name).await?;
    let shown = match (asked.show.as_str(), mail.text, &mail.html) {
        ("source", _, _) => Shown::Source { body: mail.source },
        ("text", text, _) | (_, text, None) => Shown::Text {
            body: text.unwrap_or_default(),
        },
        (_, _, Some(_)) => Shown::Html,
    };
    let entry = line(mail.entry);
    let view = OutboxMail {
        desk: editor.desk(&shared),
        id: entry.id,
        subject: entry.subject,
        from: mail.from,
        to: entry.to,
        at: entry.at,
        shown,
    };
    page(&shared, &view)
}

/// What the sandboxed frame shows.
pub async fn html(
    State(shared): State<SharedState>,
    _editor: CurrentUser,
    Path(name): Path<String>,
) -> HandlerResult {
    let mail = read(&shared, &name).await?;
    let html = mail.html.ok_or(HttpError::NotFound)?;
    Ok(headers::mail_frame(html))
}

async fn read(shared: &SharedState, name: &str) -> Result<outbox::OutboxMail, HttpError> {
    let name = MailName::parse(name).map_err(|_| HttpError::NotFound)?;
    let outbox = shared.web.outbox.clone().ok_or(HttpError::NotFound)?;
    let mail = from_disk(move || outbox.read(&name)).await?;
    mail.ok_or(HttpError::NotFound)
}

async fn from_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, HttpError> {
    let read = tokio::task::spawn_blocking(work).await;
    read.unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(|error| {
            tracing::error!(%error, "mail.outbox cannot be read");
            HttpError::Away
        })
}

fn line(entry: OutboxEntry) -> OutboxLine {
    OutboxLine {
        at: entry.date.unwrap_or(Timestamp::EPOCH),
        id: entry.name.as_str().to_owned(),
        subject: entry.subject,
        to: entry.to,
    }
}
