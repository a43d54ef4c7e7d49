//! `/admin/outbox`: messages that are stored as files instead of being sent.

use std::io;

use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};

use crate::domain::clock::Timestamp;
use crate::mail::outbox::{MailName, OutboxEntry, OutboxMail, OutboxPage};
use crate::web::admin::current_user::CurrentUser;
use crate::web::admin::layout::AdminLayout;
use crate::web::admin::response::{HandlerResult, render};
use crate::web::error::HttpError;
use crate::web::middleware::headers;
use crate::web::render::{millis, templates};
use crate::web::state::SharedState;

templates! {
    OutboxListPage => "admin/outbox.html",
    OutboxMessagePage => "admin/outbox_message.html",
}

/// Messages per page.
const PAGE_SIZE: usize = 50;

/// The part of a message that a tab shows. The HTML part is loaded from `{page}/html` in a
/// sandboxed frame ([`headers::mail_frame`]); the others are `{page}?show=text|source`.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum MessagePart {
    /// The HTML part.
    Html,
    /// The plain text part.
    Text {
        /// Its content.
        body: String,
    },
    /// The complete message as it was stored.
    Source {
        /// Its content.
        body: String,
    },
}

/// One message in the list.
#[derive(Clone, Debug, Serialize)]
pub struct OutboxRow {
    /// Name in `/admin/outbox/{id}`, safe in a path.
    pub id: String,
    /// The message's subject.
    pub subject: String,
    /// Recipient's address.
    pub to: String,
    /// The message's date.
    #[serde(serialize_with = "millis")]
    pub at: Timestamp,
}

/// Data of `GET /admin/outbox?after=`.
#[derive(Clone, Debug, Serialize)]
pub struct OutboxListPage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// Whether mail now goes through an SMTP server.
    pub is_smtp_configured: bool,
    /// The messages of this page, newest first.
    pub messages: Vec<OutboxRow>,
    /// Whether a page with newer messages exists.
    pub newer: bool,
    /// Cursor of the next page.
    pub older: Option<String>,
}

/// Data of `GET /admin/outbox/{id}`.
#[derive(Clone, Debug, Serialize)]
pub struct OutboxMessagePage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// Name in the path.
    pub id: String,
    /// The message's subject.
    pub subject: String,
    /// Sender's address.
    pub from: String,
    /// Recipient's address.
    pub to: String,
    /// The message's date.
    #[serde(serialize_with = "millis")]
    pub at: Timestamp,
    /// The selected tab.
    pub shown: MessagePart,
}

/// Query of the outbox pages.
#[derive(Debug, Default, Deserialize)]
pub struct OutboxQuery {
    #[serde(default)]
    show: String,
    /// Number of messages on the pages before this one.
    #[serde(default)]
    after: String,
}

/// `GET /admin/outbox`
pub async fn show(
    State(shared): State<SharedState>,
    user: CurrentUser,
    Query(query): Query<OutboxQuery>,
) -> HandlerResult {
    let skip = query.after.parse::<usize>().unwrap_or(0);
    let page = match shared.web.outbox.clone() {
        Some(outbox) => read_files(move || outbox.list(skip, PAGE_SIZE)).await?,
        None => OutboxPage {
            entries: Vec::new(),
            total: 0,
        },
    };
    let end = skip.saturating_add(page.entries.len());
    let view = OutboxListPage {
        layout: user.layout(&shared),
        is_smtp_configured: shared.web.outbox.is_none(),
        older: (end < page.total).then(|| end.to_string()),
        messages: page.entries.into_iter().map(outbox_row).collect(),
        newer: skip > 0,
    };
    render(&shared, &view)
}

/// `GET /admin/outbox/{name}`
pub async fn show_message(
    State(shared): State<SharedState>,
    user: CurrentUser,
    Path(name): Path<String>,
    Query(query): Query<OutboxQuery>,
) -> HandlerResult {
    let message = read_message(&shared, &name).await?;
    let shown = match (query.show.as_str(), message.text, &message.html) {
        ("source", _, _) => MessagePart::Source {
            body: message.source,
        },
        ("text", text, _) | (_, text, None) => MessagePart::Text {
            body: text.unwrap_or_default(),
        },
        (_, _, Some(_)) => MessagePart::Html,
    };
    let row = outbox_row(message.entry);
    let view = OutboxMessagePage {
        layout: user.layout(&shared),
        id: row.id,
        subject: row.subject,
        from: message.from,
        to: row.to,
        at: row.at,
        shown,
    };
    render(&shared, &view)
}

/// `GET /admin/outbox/{name}/html`: the HTML part, for the sandboxed frame.
pub async fn message_html(
    State(shared): State<SharedState>,
    _user: CurrentUser,
    Path(name): Path<String>,
) -> HandlerResult {
    let message = read_message(&shared, &name).await?;
    let html = message.html.ok_or(HttpError::NotFound)?;
    Ok(headers::mail_frame(html))
}

async fn read_message(shared: &SharedState, name: &str) -> Result<OutboxMail, HttpError> {
    let name = MailName::parse(name).map_err(|_| HttpError::NotFound)?;
    let outbox = shared.web.outbox.clone().ok_or(HttpError::NotFound)?;
    let message = read_files(move || outbox.read(&name)).await?;
    message.ok_or(HttpError::NotFound)
}

/// Runs `read` on a blocking thread, since it reads files.
async fn read_files<T: Send + 'static>(
    read: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, HttpError> {
    let result = tokio::task::spawn_blocking(read).await;
    result
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(|error| {
            tracing::error!(%error, "cannot read outbox");
            HttpError::Away
        })
}

fn outbox_row(entry: OutboxEntry) -> OutboxRow {
    OutboxRow {
        at: entry.date.unwrap_or(Timestamp::EPOCH),
        id: entry.name.as_str().to_owned(),
        subject: entry.subject,
        to: entry.to,
    }
}
