//! The next issue: edited, looked at, tried, sent.

use serde::Serialize;

use crate::digest::{self, Draft};
use crate::domain::issue::draft_edits::DraftEdits;
use crate::web::admin::current_user::CurrentUser;
use crate::web::admin::draft::action;
use crate::web::error::HttpError;
use crate::web::state::SharedState;
use crate::web::upcoming;

use crate::domain::clock::Timestamp;
use crate::web::admin::layout::AdminLayout;
use crate::web::pages::templates;
use crate::web::pages::{maybe_millis, millis};
use crate::web::upcoming::UpcomingSlot;

templates! {
    Next => "admin/draft.html",
    EditPost => "admin/post.html",
    AddPost => "admin/add_post.html",
    Send => "admin/send.html",
}

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

/// What the page tells besides how the draft stands.
#[derive(Default)]
pub struct DraftPageState {
    pub look: PreviewOptions,
    /// What was typed and not saved.
    pub typed: Option<Words>,
    pub conflict: Option<Conflict>,
    pub test: Option<TestForm>,
    pub test_blockers: Vec<String>,
}

pub async fn draft_view(
    shared: &SharedState,
    editor: &CurrentUser,
    draft: &Draft,
    told: DraftPageState,
) -> Result<Next, HttpError> {
    let web = &shared.web;
    let (upcoming, goes_at) = upcoming::ahead(web).await?;
    let (content, _) = web.digests.sample(draft)?;
    let test = told.test.unwrap_or_else(|| TestForm {
        address: editor.admin.address.to_string(),
        fault: None,
    });
    let words = told.typed.unwrap_or_else(|| stored_words(&draft.edits));
    let subject = [&words.subject, &draft.subject]
        .into_iter()
        .find(|it| !it.is_empty());
    let left_out = draft.selection.left_out.iter();
    Ok(Next {
        desk: editor.desk(shared),
        number: draft.number.get(),
        version: draft.edits.version,
        subject: draft.subject.clone(),
        subject_length: subject.map_or(0, |subject| subject.chars().count()),
        preheader: draft.preheader.clone(),
        words,
        conflict: told.conflict,
        upcoming,
        goes_at,
        readers: draft.readers,
        posts: chosen(draft),
        left_out: left_out
            .map(|(post, why)| LeftOut {
                id: post.id.to_string(),
                title: post.title.clone(),
                why: why.to_string(),
                is_hidden: *why == digest::Exclusion::Hidden,
            })
            .collect(),
        has_places: draft.edits.has_places(),
        is_enough: web.digests.has_enough(draft),
        min_posts: web.digests.rules.min_posts,
        look: told.look,
        text: content.text,
        kilobytes: draft.size.div_ceil(1000),
        test,
        test_blockers: told.test_blockers,
    })
}

/// The stored words, as the form shows them.
pub fn stored_words(edits: &DraftEdits) -> Words {
    let text = |words: Option<&str>| words.unwrap_or_default().to_owned();
    Words {
        subject: text(edits.subject.as_ref().map(|it| it.as_str())),
        preheader: text(edits.preheader.as_ref().map(|it| it.as_str())),
        note: text(edits.note.as_ref().map(|it| it.as_str())),
        ..Words::default()
    }
}

fn chosen(draft: &Draft) -> Vec<ChosenPost> {
    let posts = &draft.selection.chosen;
    let line = |at: usize| {
        let (post, why) = &posts[at];
        let edit = draft.edits.of(&post.id);
        ChosenPost {
            id: post.id.to_string(),
            title: post.title.clone(),
            url: post.url.to_string(),
            excerpt: post.excerpt.clone(),
            published_at: post.published_at,
            why: why.to_string(),
            is_pinned: edit.is_pinned,
            is_edited: edit.has_text(),
            can_rise: at > 0 && action::may_swap(draft, at - 1),
            can_sink: action::may_swap(draft, at),
        }
    };
    (0..posts.len()).map(line).collect()
}
