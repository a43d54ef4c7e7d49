//! The next issue: edited, looked at, tried, sent.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::web::admin::views::AdminLayout;
use crate::web::render::{maybe_millis, millis};
use crate::web::upcoming::UpcomingSlot;

#[derive(Clone, Debug, Serialize)]
pub struct ChosenPost {
    pub id: String,
    pub title: String,
    pub url: String,
    pub excerpt: String,
    #[serde(serialize_with = "millis")]
    pub published_at: Timestamp,
    /// Why it is in, and why where it stands.
    pub why: String,
    pub is_pinned: bool,
    /// Its words are the editor's.
    pub is_edited: bool,
    pub can_rise: bool,
    pub can_sink: bool,
}

#[derive(Clone, Debug, Serialize)]
pub struct LeftOut {
    pub id: String,
    pub title: String,
    pub why: String,
    pub is_hidden: bool,
}

/// What was typed, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Words {
    pub subject: String,
    pub subject_fault: Option<String>,
    pub preheader: String,
    pub preheader_fault: Option<String>,
    /// Markdown.
    pub note: String,
    pub note_fault: Option<String>,
}

/// Someone else was quicker; nothing was saved. The words stand where they differ from
/// what was typed.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Conflict {
    /// The issue that the form was made for, when it has gone out since.
    pub gone: Option<i64>,
    pub subject: Option<String>,
    pub preheader: Option<String>,
    pub note: Option<String>,
}

/// The address is posted as `email` to `/admin/next/test`, with the words.
#[derive(Clone, Debug, Serialize)]
pub struct TestForm {
    pub address: String,
    pub fault: Option<String>,
}

/// How the preview is shown.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct PreviewOptions {
    pub text: bool,
    pub phone: bool,
    pub dark: bool,
}

/// `GET /admin/next`. The whole page is one form: whatever is pressed, what was typed is
/// saved. Posts `version`, `number`, the words and `do` (`save`, `review`, `new`,
/// `unplace`, or `up`, `down`, `pin`, `unpin`, `edit`, `hide`, `show`, `add` with `:id`) there;
/// to `/admin/next/test` and `/admin/next/collect` the same.
#[derive(Clone, Debug, Serialize)]
pub struct Next {
    pub desk: AdminLayout,
    pub number: i64,
    /// Of the edits that the page shows.
    pub version: i64,
    /// As it would go out.
    pub subject: String,
    pub subject_length: usize,
    pub preheader: String,
    pub words: Words,
    pub conflict: Option<Conflict>,
    pub upcoming: Option<UpcomingSlot>,
    #[serde(serialize_with = "maybe_millis")]
    pub goes_at: Option<Timestamp>,
    pub readers: i64,
    pub posts: Vec<ChosenPost>,
    pub left_out: Vec<LeftOut>,
    /// Some posts have a place of their own.
    pub has_places: bool,
    /// Whether there is enough for an issue; how many posts it needs without a note.
    pub is_enough: bool,
    pub min_posts: usize,
    pub look: PreviewOptions,
    /// The text part.
    pub text: String,
    /// The mail's size after encoding, in KB.
    pub kilobytes: usize,
    pub test: TestForm,
    /// Why a test was not sent: what must be set first, as [`Send::blockers`].
    pub test_blockers: Vec<String>,
}

/// What is wrong with a post's fields.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PostFaults {
    pub title: Option<String>,
    pub url: Option<String>,
    pub excerpt: Option<String>,
}

/// `GET /admin/next/posts/{id}`: a post's words in this issue. Posts `version`, `title`
/// and `excerpt` there; with `do=restore` the feed's come back.
#[derive(Clone, Debug, Serialize)]
pub struct EditPost {
    pub desk: AdminLayout,
    pub number: i64,
    pub id: String,
    pub version: i64,
    pub url: String,
    pub title: String,
    pub excerpt: String,
    /// What the feed says, where the editor says otherwise.
    pub feed_title: Option<String>,
    pub feed_excerpt: Option<String>,
    pub is_edited: bool,
    pub is_conflict: bool,
    pub faults: PostFaults,
}

/// `GET /admin/next/add`: a post that no feed has. Posts `title`, `url` and `excerpt`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PostFields {
    pub title: String,
    pub url: String,
    pub excerpt: String,
    pub faults: PostFaults,
}

#[derive(Clone, Debug, Serialize)]
pub struct AddPost {
    pub desk: AdminLayout,
    pub number: i64,
    pub post: PostFields,
}

/// This week's issue.
#[derive(Clone, Debug, Serialize)]
pub struct WeekUsed {
    pub number: i64,
    /// `IssueState::as_str`
    pub state: &'static str,
}

/// `GET /admin/next/send`: the last look. Posts `csrf` and `reviewed` there, with
/// `action=schedule` to leave it to the schedule.
#[derive(Clone, Debug, Serialize)]
pub struct Send {
    pub desk: AdminLayout,
    pub number: i64,
    pub subject: String,
    pub preheader: String,
    pub from: String,
    pub readers: i64,
    pub has_note: bool,
    pub titles: Vec<String>,
    /// What must be set before a send; with any, there is no button.
    pub blockers: Vec<String>,
    pub to_outbox: bool,
    pub upcoming: Option<UpcomingSlot>,
    /// The issue that had this week's turn: then this one is only left to the schedule.
    pub used: Option<WeekUsed>,
    /// Names what was looked at, so that nothing else is sent.
    pub reviewed: String,
}
