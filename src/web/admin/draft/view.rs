//! Data of the pages of the next issue.

use serde::Serialize;

use crate::digest::{Draft, Exclusion};
use crate::domain::clock::Timestamp;
use crate::domain::issue::draft_edits::DraftEdits;
use crate::domain::missing_setting::MissingSetting;
use crate::web::admin::current_user::CurrentUser;
use crate::web::admin::draft::action::can_swap;
use crate::web::admin::draft::preview::PreviewOptions;
use crate::web::admin::layout::AdminLayout;
use crate::web::error::HttpError;
use crate::web::render::{maybe_millis, millis, templates};
use crate::web::state::SharedState;
use crate::web::upcoming::{self, UpcomingSlot};

templates! {
    DraftPage => "admin/draft.html",
}

/// A post of the next issue.
#[derive(Clone, Debug, Serialize)]
pub struct ChosenPost {
    /// The post's id.
    pub id: String,
    /// Title, as edited.
    pub title: String,
    /// The post's URL.
    pub url: String,
    /// Excerpt, as edited.
    pub excerpt: String,
    /// When the post was published.
    #[serde(serialize_with = "millis")]
    pub published_at: Timestamp,
    /// Why the post is included, and why at this position.
    pub reason: String,
    /// Whether the post is kept before all others.
    pub is_pinned: bool,
    /// Whether title or excerpt were edited.
    pub is_edited: bool,
    /// Whether the post can move up.
    pub can_move_up: bool,
    /// Whether the post can move down.
    pub can_move_down: bool,
}

/// A post that is not in the next issue.
#[derive(Clone, Debug, Serialize)]
pub struct ExcludedPost {
    /// The post's id.
    pub id: String,
    /// The post's title.
    pub title: String,
    /// Why the post is excluded.
    pub reason: String,
    /// Whether an editor has hidden the post.
    pub is_hidden: bool,
}

/// The text fields of the draft form, with their errors.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DraftText {
    /// Subject; empty for the default subject.
    pub subject: String,
    /// Error of the subject.
    pub subject_error: Option<String>,
    /// Preheader; empty for the default.
    pub preheader: String,
    /// Error of the preheader.
    pub preheader_error: Option<String>,
    /// Note to readers, in Markdown.
    pub note: String,
    /// Error of the note.
    pub note_error: Option<String>,
}

impl DraftText {
    /// Returns whether a field is invalid.
    pub fn has_errors(&self) -> bool {
        self.subject_error.is_some() || self.preheader_error.is_some() || self.note_error.is_some()
    }
}

/// The draft was saved concurrently, so that nothing was saved. Contains the stored text of
/// each field that differs from the typed text.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Conflict {
    /// Number of the issue that the form was for, if it has been sent since.
    pub sent_number: Option<i64>,
    /// Stored subject.
    pub subject: Option<String>,
    /// Stored preheader.
    pub preheader: Option<String>,
    /// Stored note.
    pub note: Option<String>,
}

/// Field for the address of a test, posted as `email`.
#[derive(Clone, Debug, Serialize)]
pub struct TestForm {
    /// The address as it was typed.
    pub address: String,
    /// Error of the address.
    pub error: Option<String>,
}

/// Data of `GET /admin/next`.
///
/// The whole page is one form. It posts `version`, `number`, the text fields and `do`
/// (`save`, `review`, `new`, `unplace`, or `up`, `down`, `pin`, `unpin`, `edit`, `hide`,
/// `show`, `add` with `:id`) there, and the same fields to `/admin/next/test` and
/// `/admin/next/collect`.
#[derive(Clone, Debug, Serialize)]
pub struct DraftPage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// The number that the issue will have.
    pub number: i64,
    /// Version of the edits that the page shows.
    pub version: i64,
    /// Subject as it would be sent.
    pub subject: String,
    /// Number of characters of the typed subject, or else of the default.
    pub subject_length: usize,
    /// Preheader as it would be sent.
    pub preheader: String,
    /// The text fields.
    pub text_fields: DraftText,
    /// The conflict with another change.
    pub conflict: Option<Conflict>,
    /// The next slot of the schedule.
    pub upcoming: Option<UpcomingSlot>,
    /// When the issue is sent automatically.
    #[serde(serialize_with = "maybe_millis")]
    pub goes_at: Option<Timestamp>,
    /// Number of active subscribers.
    pub subscribers: i64,
    /// Posts of the issue, in their order.
    pub posts: Vec<ChosenPost>,
    /// Posts that are not in the issue.
    pub excluded: Vec<ExcludedPost>,
    /// Whether positions were set by hand.
    pub has_custom_order: bool,
    /// Whether the draft has enough posts, or a note.
    pub is_enough: bool,
    /// Number of posts that an issue without a note needs.
    pub min_posts: usize,
    /// How the preview is shown.
    pub preview: PreviewOptions,
    /// The plain text part of the email.
    pub plain_text: String,
    /// Size of the encoded message in kilobytes.
    pub kilobytes: usize,
    /// The form for a test.
    pub test: TestForm,
    /// Missing settings because of which the test was not sent, each as its key and an
    /// explanation.
    pub test_blockers: Vec<MissingSetting>,
}

/// What the draft page shows in addition to the stored draft.
#[derive(Default)]
pub struct DraftPageState {
    /// How the preview is shown.
    pub preview: PreviewOptions,
    /// Text that was typed and not saved.
    pub text: Option<DraftText>,
    /// The conflict with another change.
    pub conflict: Option<Conflict>,
    /// The form for a test, after an error.
    pub test: Option<TestForm>,
    /// Missing settings because of which the test was not sent.
    pub test_blockers: Vec<MissingSetting>,
}

/// Returns the data of the draft page.
///
/// # Errors
/// Returns [`HttpError::Store`] or [`HttpError::Draft`] if the database or the draft fails.
pub async fn draft_page(
    shared: &SharedState,
    user: &CurrentUser,
    draft: &Draft,
    state: DraftPageState,
) -> Result<DraftPage, HttpError> {
    let web = &shared.web;
    let (upcoming, goes_at) = upcoming::ahead(web).await?;
    let (content, _) = web.digests.render_sample(draft)?;
    let test = state.test.unwrap_or_else(|| TestForm {
        address: user.admin.address.to_string(),
        error: None,
    });
    let text = state.text.unwrap_or_else(|| stored_text(&draft.edits));
    let subject = if text.subject.is_empty() {
        &draft.subject
    } else {
        &text.subject
    };
    Ok(DraftPage {
        layout: user.layout(shared),
        number: draft.number.get(),
        version: draft.edits.version,
        subject: draft.subject.clone(),
        subject_length: subject.chars().count(),
        preheader: draft.preheader.clone(),
        text_fields: text,
        conflict: state.conflict,
        upcoming,
        goes_at,
        subscribers: draft.recipients,
        posts: chosen_posts(draft),
        excluded: excluded_posts(draft),
        has_custom_order: draft.edits.has_positions(),
        is_enough: web.digests.has_enough_content(draft),
        min_posts: web.digests.rules.min_posts,
        preview: state.preview,
        plain_text: content.text,
        kilobytes: draft.size.div_ceil(1000),
        test,
        test_blockers: state.test_blockers,
    })
}

/// Returns the stored text for the form.
pub fn stored_text(edits: &DraftEdits) -> DraftText {
    let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
    DraftText {
        subject: text(edits.subject.as_ref().map(|subject| subject.as_str())),
        preheader: text(edits.preheader.as_ref().map(|preheader| preheader.as_str())),
        note: text(edits.note.as_ref().map(|note| note.as_str())),
        ..DraftText::default()
    }
}

fn chosen_posts(draft: &Draft) -> Vec<ChosenPost> {
    let chosen = draft.selection.chosen.iter().enumerate();
    chosen
        .map(|(position, (post, inclusion))| {
            let edit = draft.edits.for_post(&post.id);
            ChosenPost {
                id: post.id.to_string(),
                title: post.title.clone(),
                url: post.url.to_string(),
                excerpt: post.excerpt.clone(),
                published_at: post.published_at,
                reason: inclusion.to_string(),
                is_pinned: edit.is_pinned,
                is_edited: edit.has_text(),
                can_move_up: position > 0 && can_swap(draft, position - 1),
                can_move_down: can_swap(draft, position),
            }
        })
        .collect()
}

fn excluded_posts(draft: &Draft) -> Vec<ExcludedPost> {
    let excluded = draft.selection.excluded.iter();
    excluded
        .map(|(post, exclusion)| ExcludedPost {
            id: post.id.to_string(),
            title: post.title.clone(),
            reason: exclusion.to_string(),
            is_hidden: *exclusion == Exclusion::Hidden,
        })
        .collect()
}
