//! What each of the readers' pages shows.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::domain::issue::post::Post;
use crate::web::render::{maybe_millis, millis, templates};

templates! {
    Home => "public/home.html",
    Check => "public/check.html",
    ConfirmHuman => "public/confirm_human.html",
    Confirm => "public/confirm.html",
    Confirmed => "public/confirmed.html",
    InvalidLink => "public/invalid_link.html",
    Unsubscribe => "public/unsubscribe.html",
    Unsubscribed => "public/unsubscribed.html",
    Preferences => "public/preferences.html",
    ChangeAddress => "public/change_address.html",
    NewAddress => "public/new_address.html",
    Export => "public/export.html",
    Erase => "public/erase.html",
    Erased => "public/erased.html",
    Issues => "public/issues.html",
    Issue => "public/issue.html",
    IssuesFeed => "public/issues_feed.xml",
    Embed => "public/embed.html",
    Privacy => "public/privacy.html",
    ErrorPage => "public/error.html",
}

/// What is wrong with a posted form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SignupError {
    Address,
    /// The part before the `@` is not ASCII.
    AddressNotAscii,
    NameTooLong,
    NameControl,
    TooMany,
}

/// The form, as it is shown (again). Posts `email`, `name` (only when one was given),
/// `stamp` and the honeypot `website`; "Keep mine" and "Send it again" add `keep=1`,
/// which means: no more typo hints.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SignupForm {
    pub stamp: String,
    /// What was typed; empty at first.
    pub email: String,
    /// Shown only when it came with the posted form.
    pub name: String,
    pub fault: Option<SignupError>,
    /// "Did you mean …?" Shown on [`Home`] alone.
    pub suggestion: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct PostLine {
    pub title: String,
    pub url: String,
    pub excerpt: String,
    pub author: Option<String>,
    /// Reading time.
    pub minutes: Option<u32>,
}

impl From<&Post> for PostLine {
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

#[derive(Clone, Debug, Serialize)]
pub struct IssueLink {
    pub number: i64,
    pub title: String,
    #[serde(serialize_with = "millis")]
    pub sent_at: Timestamp,
}

/// `GET /`, and what a faulty `POST /subscribe` gets (422, or 429 for `TooMany`).
#[derive(Clone, Debug, Serialize)]
pub struct Home {
    pub form: SignupForm,
    pub latest: Option<IssueLink>,
    /// The latest issue's first three, or without an issue the three newest; may be empty.
    pub posts: Vec<PostLine>,
    /// When there is neither issue nor post: the next slot, if the schedule has one.
    #[serde(serialize_with = "maybe_millis")]
    pub first_issue_at: Option<Timestamp>,
    #[serde(serialize_with = "millis")]
    pub now: Timestamp,
}

/// `GET /check`.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// From the signed cookie; the page is general without it.
    pub address: Option<String>,
    /// For "Send it again".
    pub stamp: String,
}

/// Posted too fast, or without the form's hidden fields: one button.
#[derive(Clone, Debug, Serialize)]
pub struct ConfirmHuman {
    pub stamp: String,
    pub email: String,
    /// May be empty.
    pub name: String,
    /// Carries `keep=1` on.
    pub keep: bool,
}

/// `GET /confirm/{token}`. The button posts there.
#[derive(Clone, Debug, Serialize)]
pub struct Confirm {
    pub token: String,
    pub address: String,
}

/// `POST /confirm/{token}`; with `already`, also a GET of one that is confirmed.
#[derive(Clone, Debug, Serialize)]
pub struct Confirmed {
    pub already: bool,
    /// They have only followed the link.
    pub only_looked: bool,
    #[serde(serialize_with = "maybe_millis")]
    pub next_issue_at: Option<Timestamp>,
    pub latest: Option<IssueLink>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    Confirm,
    Unsubscribe,
    Preferences,
    /// One that was asked for on the preferences page.
    Fresh,
}

/// A token that does not hold, whatever the reason.
#[derive(Clone, Debug, Serialize)]
pub struct InvalidLink {
    pub link: Link,
    /// Shown for [`Link::Confirm`].
    pub form: SignupForm,
}

/// `GET /unsubscribe/{token}`. The button posts there, without fields.
#[derive(Clone, Debug, Serialize)]
pub struct Unsubscribe {
    pub token: String,
    pub address: String,
    /// For "Pause instead", when the reader could.
    pub preferences_token: Option<String>,
}

/// `POST /unsubscribe/{token}`.
#[derive(Clone, Debug, Serialize)]
pub struct Unsubscribed {
    /// For "Undo", which posts `action=resubscribe` to `/preferences/{token}`; none for
    /// who cannot come back by it.
    pub preferences_token: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    On,
    Left,
    /// Their server said that there is no such mailbox.
    Bounced,
}

/// `GET /preferences/{token}`. Posts there `action` = `pause`, `resume`, `unsubscribe`,
/// `resubscribe`, `change_address`, `export` or `erase`.
#[derive(Clone, Debug, Serialize)]
pub struct Preferences {
    pub token: String,
    pub address: String,
    pub reading: Reading,
    #[serde(serialize_with = "maybe_millis")]
    pub paused_until: Option<Timestamp>,
    #[serde(serialize_with = "maybe_millis")]
    pub next_issue_at: Option<Timestamp>,
    pub saved: bool,
    /// A link was asked for: `SubscriberMail::as_str`.
    pub asked: Option<&'static str>,
}

/// `GET /change-address/{token}`. Posts `email` there.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeAddress {
    pub token: String,
    /// Where the newsletter goes now.
    pub address: String,
    /// What was typed.
    pub email: String,
    /// `Address` or `AddressNotAscii`.
    pub fault: Option<SignupError>,
    /// A link is on its way to what was typed.
    pub asked: bool,
}

/// `GET /new-address/{token}`. The button posts there. Says nothing of the reader: a slip
/// may have led it to a stranger.
#[derive(Clone, Debug, Serialize)]
pub struct NewAddress {
    pub token: String,
    pub address: String,
}

/// `GET /export/{token}`. The button posts there and gets a file.
#[derive(Clone, Debug, Serialize)]
pub struct Export {
    pub token: String,
    pub address: String,
}

/// `GET /erase/{token}`. The button posts there.
#[derive(Clone, Debug, Serialize)]
pub struct Erase {
    pub token: String,
    pub address: String,
}

/// `POST /erase/{token}`.
#[derive(Clone, Debug, Serialize)]
pub struct Erased {}

#[derive(Clone, Debug, Serialize)]
pub struct ArchiveYear {
    pub year: i32,
    /// Newest first.
    pub issues: Vec<IssueLink>,
}

/// `GET /issues`.
#[derive(Clone, Debug, Serialize)]
pub struct Issues {
    /// Newest first.
    pub years: Vec<ArchiveYear>,
    /// Told while there is no issue.
    #[serde(serialize_with = "maybe_millis")]
    pub next_issue_at: Option<Timestamp>,
    pub form: SignupForm,
}

/// `GET /issues/{number}`.
#[derive(Clone, Debug, Serialize)]
pub struct Issue {
    pub number: i64,
    pub title: String,
    #[serde(serialize_with = "millis")]
    pub sent_at: Timestamp,
    /// The editor's, in Markdown.
    pub note: Option<String>,
    pub posts: Vec<PostLine>,
    pub previous: Option<IssueLink>,
    pub next: Option<IssueLink>,
    pub form: SignupForm,
}

#[derive(Clone, Debug, Serialize)]
pub struct FeedEntry {
    pub number: i64,
    pub title: String,
    #[serde(serialize_with = "millis")]
    pub sent_at: Timestamp,
    /// The editor's, in Markdown.
    pub note: Option<String>,
    pub posts: Vec<PostLine>,
}

/// `GET /issues/feed.xml`, as `application/atom+xml` (RFC 4287).
#[derive(Clone, Debug, Serialize)]
pub struct IssuesFeed {
    /// Of the newest entry; of the sign of life when there is none.
    #[serde(serialize_with = "millis")]
    pub updated_at: Timestamp,
    /// Newest first.
    pub entries: Vec<FeedEntry>,
}

/// `GET /embed`.
#[derive(Clone, Debug, Serialize)]
pub struct Embed {}

/// `GET /privacy`.
#[derive(Clone, Debug, Serialize)]
pub struct Privacy {
    /// The address that answers readers: `reply_to`, else `from`.
    pub contact: Option<String>,
    /// Whether the links of an issue are counted.
    pub counts_clicks: bool,
}

/// Any error: its words come from the status.
#[derive(Clone, Debug, Serialize)]
pub struct ErrorPage {
    pub status: u16,
    /// Whether the desk is where they were going.
    pub at_desk: bool,
}
