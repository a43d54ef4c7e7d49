//! `/api/v1/next`: the draft of the next issue.

use axum::extract::State;
use axum::http::StatusCode;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::digest::{Published, SendResult};
use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::issue::draft_edits::DraftEdits;
use crate::domain::issue::post::Post;
use crate::domain::issue::text::{Note, Preheader, Subject};
use crate::store::SaveOutcome;
use crate::web::api::auth::ApiCaller;
use crate::web::api::enum_schemas::send_results;
use crate::web::api::extract::{ApiJson, NoBody};
use crate::web::api::problem::{Problem, ProblemBody};
use crate::web::api::response::{HandlerResult, json_response};
use crate::web::state::SharedState;
use crate::web::upcoming;

/// The draft of the next issue.
#[derive(Serialize, ToSchema)]
#[schema(as = Next)]
struct DraftResponse {
    #[schema(minimum = 1)]
    number: i64,
    /// The current ISO week.
    slot: String,
    /// Rendered value.
    subject: String,
    /// Rendered value.
    preheader: String,
    /// Version to send with a change.
    version: i64,
    #[schema(inline)]
    words: EditedText,
    #[schema(minimum = 0)]
    recipients: i64,
    /// Posts of the issue.
    posts: Vec<PostResponse>,
    /// Posts that are not included.
    left_out: Vec<PostResponse>,
    /// Size of the encoded HTML part, in bytes.
    #[schema(value_type = i64)]
    size: usize,
    /// When the issue is sent automatically, in Unix milliseconds; null without a schedule.
    #[schema(required)]
    goes_at: Option<i64>,
    /// Whether sending now would create an issue.
    worth_sending: bool,
}

/// A post of the draft.
#[derive(Serialize, ToSchema)]
#[schema(as = Post)]
struct PostResponse {
    title: String,
    url: String,
    /// Why the post is included or left out.
    why: String,
}

impl PostResponse {
    fn new((post, reason): &(Post, impl ToString)) -> Self {
        Self {
            title: post.title.clone(),
            url: post.url.to_string(),
            why: reason.to_string(),
        }
    }
}

/// Text set by an editor; null where the default applies.
#[derive(Serialize, ToSchema)]
struct EditedText {
    #[schema(required)]
    subject: Option<String>,
    #[schema(required)]
    preheader: Option<String>,
    /// Markdown.
    #[schema(required)]
    note: Option<String>,
}

/// Returns the draft of the next issue.
///
/// Contains what would be sent now and why each post is included. Does not fetch the feeds.
#[utoipa::path(
    get, path = "/next", operation_id = "getNext", tag = "Next issue",
    responses((status = 200, description = "The draft.", body = DraftResponse, example = json!({
        "number": 44, "slot": "2026-W49", "subject": "Three posts this week",
        "preheader": "A loader in fonts", "version": 7,
        "words": { "subject": null, "preheader": null, "note": "Dear readers" },
        "recipients": 1284,
        "posts": [{
            "title": "A loader in fonts", "url": "https://blog.example.com/loader", "why": "new",
        }],
        "left_out": [{
            "title": "Router keys", "url": "https://blog.example.com/keys", "why": "no room",
        }],
        "size": 14210, "goes_at": 1_796_032_800_000_i64, "worth_sending": true,
    }))),
)]
pub async fn show(State(state): State<SharedState>) -> HandlerResult {
    let web = &state.web;
    let draft = web.digests.draft().await?;
    let slot = web.schedule.slot_of(web.clock.now());
    let (_, goes_at) = upcoming::ahead(web).await?;
    let worth_sending = web.digests.is_worth_sending(&draft);
    let (selection, edits) = (&draft.selection, &draft.edits);
    let response = DraftResponse {
        number: draft.number.get(),
        slot: slot.to_string(),
        version: edits.version,
        words: EditedText {
            subject: edits.subject.as_ref().map(|it| it.as_str().to_owned()),
            preheader: edits.preheader.as_ref().map(|it| it.as_str().to_owned()),
            note: edits.note.as_ref().map(|it| it.as_str().to_owned()),
        },
        recipients: draft.recipients,
        posts: selection.chosen.iter().map(PostResponse::new).collect(),
        left_out: selection.excluded.iter().map(PostResponse::new).collect(),
        size: draft.size,
        subject: draft.subject,
        preheader: draft.preheader,
        goes_at: goes_at.map(Timestamp::as_millis),
        worth_sending,
    };
    json_response(StatusCode::OK, &response)
}

/// Changes to the draft.
///
/// A field that is not present keeps its value; null or an empty string restores the default.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Words)]
pub struct DraftChanges {
    /// Version the client last read.
    #[serde(deserialize_with = "integer")]
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    version: i64,
    /// Null restores the default.
    #[serde(default, deserialize_with = "present")]
    #[schema(max_length = 200)]
    subject: Option<String>,
    /// Null restores the default.
    #[serde(default, deserialize_with = "present")]
    #[schema(max_length = 200)]
    preheader: Option<String>,
    /// Markdown, shown before the posts. Null removes it.
    #[serde(default, deserialize_with = "present")]
    #[schema(max_length = 5000)]
    note: Option<String>,
}

/// Deserializes `null` as an empty string, to distinguish it from a missing field.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(Some(text.unwrap_or_default()))
}

/// Deserializes an integer, also one written as `7.0`: for JSON Schema a number with a zero
/// fraction is an `integer`.
fn integer<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    let number = serde_json::Number::deserialize(deserializer)?;
    let from_float = number
        .as_f64()
        .filter(|float| float.fract() == 0.0)
        .and_then(|float| format!("{float:.0}").parse().ok());
    let integer = number.as_i64().or(from_float);
    integer.ok_or_else(|| D::Error::custom("expected an integer"))
}

impl DraftChanges {
    /// Applies the changes to `edits` and returns the invalid fields.
    fn apply_to(&self, edits: &mut DraftEdits) -> Vec<(String, String)> {
        let mut errors = Vec::new();
        let mut reject = |field: &str, error: &dyn ToString| {
            errors.push((field.to_owned(), error.to_string()));
        };
        match self.subject.as_deref().map(Subject::parse) {
            Some(Ok(subject)) => edits.subject = Some(subject).filter(|it| !it.is_empty()),
            Some(Err(error)) => reject("subject", &error),
            None => {}
        }
        match self.preheader.as_deref().map(Preheader::parse) {
            Some(Ok(preheader)) => edits.preheader = Some(preheader).filter(|it| !it.is_empty()),
            Some(Err(error)) => reject("preheader", &error),
            None => {}
        }
        match self.note.as_deref().map(Note::parse) {
            Some(Ok(note)) => edits.note = Some(note).filter(|it| !it.is_empty()),
            Some(Err(error)) => reject("note", &error),
            None => {}
        }
        errors
    }
}

/// Result of a change to the draft.
#[derive(Serialize, ToSchema)]
#[schema(as = Edited)]
struct SavedResponse {
    #[schema(minimum = 1)]
    number: i64,
    /// Current version.
    version: i64,
}

/// Changes the text of the draft.
///
/// A field that is not present keeps its value. The change is rejected if the draft has
/// another version than `version`, so that it cannot overwrite a change the client has not
/// read.
#[utoipa::path(
    patch, path = "/next", operation_id = "editNext", tag = "Next issue",
    request_body(content = DraftChanges, examples(("words" = (value = json!({
        "version": 7, "subject": "Three posts this week", "note": "Dear *readers*",
    }))))),
    responses(
        (status = 200, description = "The draft was saved.", body = SavedResponse,
            example = json!({ "number": 44, "version": 8 })),
        (status = 409, description = "The draft has a newer version.",
            body = ProblemBody, content_type = "application/problem+json",
            example = json!(outdated_version(8).into_body())),
    ),
)]
pub async fn edit(
    State(state): State<SharedState>,
    caller: ApiCaller,
    ApiJson(changes): ApiJson<DraftChanges>,
) -> HandlerResult {
    let web = &state.web;
    let before = web.store.draft_edits().await?;
    if changes.version != before.version {
        return Err(outdated_version(before.version));
    }
    let mut after = before.clone();
    let mut errors = changes.apply_to(&mut after);
    if errors.is_empty()
        && after.note != before.note
        && let Some(error) = web.digests.check_note_size(&after).await?
    {
        errors.push(("note".to_owned(), error.to_string()));
    }
    if !errors.is_empty() {
        return Err(Problem::fields(errors));
    }
    let number = web.store.next_number().await?;
    let mut version = before.version;
    if after != before {
        if web.store.save_draft_edits(&after).await? == SaveOutcome::Conflict {
            let current = web.store.draft_edits().await?;
            return Err(outdated_version(current.version));
        }
        version += 1;
        caller.audit(&state, AuditAction::IssueEdited, number).await;
    }
    let response = SavedResponse {
        number: number.get(),
        version,
    };
    json_response(StatusCode::OK, &response)
}

fn outdated_version(version: i64) -> Problem {
    Problem::conflict(
        "The draft has a newer version. Read it again, then send your changes with its version.",
    )
    .with_version(version)
}

/// Result of sending the next issue. Describes [`SendResult`].
#[derive(ToSchema)]
#[schema(as = SendResult)]
#[expect(dead_code, reason = "describes the fields of `SendResult`")]
struct SendResponse {
    #[schema(schema_with = send_results)]
    result: String,
    #[schema(required)]
    issue: Option<i64>,
    #[schema(required)]
    slot: Option<String>,
    /// Always delivered + deferred + bounced + skipped + `in_doubt` + queued. An estimate until
    /// all deliveries are enqueued, which takes seconds for a large list.
    #[schema(minimum = 0)]
    recipients: i64,
    #[schema(minimum = 0)]
    delivered: i64,
    /// Temporarily rejected; retried later.
    #[schema(minimum = 0)]
    deferred: i64,
    #[schema(minimum = 0)]
    bounced: i64,
    /// No longer wanted before sending started.
    #[schema(minimum = 0)]
    skipped: i64,
    /// Sent, but the reply of the server was lost.
    #[schema(minimum = 0)]
    in_doubt: i64,
    /// Not sent yet, or being sent.
    #[schema(minimum = 0)]
    queued: i64,
}

/// Sends the next issue.
///
/// Fetches the feeds, creates this week's issue and enqueues its deliveries, at most once per
/// week. Does not wait for the deliveries: the issue shows their progress.
#[utoipa::path(
    post, path = "/next/send", operation_id = "sendNext", tag = "Next issue",
    responses(
        (status = 200, description = "The result.", body = SendResponse, example = json!({
            "result": "sending", "issue": 44, "slot": "2026-W49", "recipients": 1284,
            "delivered": 0, "deferred": 0, "bounced": 0, "skipped": 0, "in_doubt": 0,
            "queued": 1284,
        })),
        (status = 409,
            description = "Required settings are missing, or other issues were created at the same time.",
            body = ProblemBody, content_type = "application/problem+json",
            example = json!(Problem::conflict("newsletter.from is required before sending").into_body())),
    ),
)]
pub async fn send(State(state): State<SharedState>, caller: ApiCaller, _: NoBody) -> HandlerResult {
    let web = &state.web;
    if !web.missing_settings.is_empty() {
        let missing: Vec<String> = web
            .missing_settings
            .iter()
            .map(ToString::to_string)
            .collect();
        return Err(Problem::conflict(missing.join("; ")));
    }
    let slot = web.schedule.slot_of(web.clock.now());
    if let Some(issue) = web.store.issue_of_slot(&slot).await? {
        return json_response(StatusCode::OK, &SendResult::from_existing_issue(&issue));
    }
    // A feed that fails is shown in the admin UI and does not prevent sending.
    web.digests.collect().await?;
    let result = match web.digests.publish(Some(slot)).await? {
        Published::Created { number, .. } => {
            caller.audit(&state, AuditAction::IssueSent, number).await;
            let issue = web.store.issue(number).await?;
            let issue = issue.ok_or(StatusCode::INTERNAL_SERVER_ERROR)?;
            SendResult::from_issue(&issue)
        }
        Published::AlreadyExists(issue) => SendResult::from_existing_issue(&issue),
        Published::Skipped => SendResult::without_issue("skipped", Some(&slot)),
        Published::NothingNew(_) => SendResult::without_issue("nothing_new", Some(&slot)),
    };
    json_response(StatusCode::OK, &result)
}
