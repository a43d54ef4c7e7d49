//! `POST /admin/next`: changes to the next issue.
//!
//! The page is one form. Every button also saves the text, and nothing is overwritten that
//! the editor has not seen.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::domain::audit::AuditAction;
use crate::domain::issue::draft_edits::DraftEdits;
use crate::domain::issue::text::{Note, Preheader, Subject};
use crate::store::SaveOutcome;
use crate::web::admin::current_user::VerifiedForm;
use crate::web::admin::draft::action::{DraftAction, PostAction};
use crate::web::admin::draft::preview::PreviewOptions;
use crate::web::admin::draft::view::{
    Conflict, DraftPageState, DraftText, draft_page, stored_text,
};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::form::FormFields;
use crate::web::admin::response::{HandlerResult, redirect, render_invalid};
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// Result of saving the form.
pub enum SaveResult {
    /// The text is saved.
    Saved,
    /// Nothing is saved; the response contains the page with the error or the conflict.
    Rejected(Response),
}

/// `POST /admin/next`
pub async fn submit(State(shared): State<SharedState>, form: VerifiedForm) -> HandlerResult {
    let action = DraftAction::parse(form.fields.text("do")).ok_or(HttpError::Unprocessable)?;
    if let SaveResult::Rejected(response) = save(&shared, &form, action).await? {
        return Ok(response);
    }
    let back = |message, anchor: &str| Ok(redirect_back(&shared, &form.fields, message, anchor));
    match action {
        DraftAction::Save => back(Some(FlashMessage::Saved), ""),
        DraftAction::Review => Ok(redirect(&shared, "/admin/next/send")),
        DraftAction::AddPost => Ok(redirect(&shared, "/admin/next/add")),
        DraftAction::ResetOrder => back(None, "posts"),
        DraftAction::Post(PostAction::Edit, post) => {
            Ok(redirect(&shared, &format!("/admin/next/posts/{post}")))
        }
        DraftAction::Post(PostAction::Hide, post) => {
            back(Some(FlashMessage::PostHidden), &format!("post-{post}"))
        }
        DraftAction::Post(_, post) => back(None, &format!("post-{post}")),
    }
}

/// Saves the text of the draft page's form. Does nothing for a form of another page, which
/// contains no version.
///
/// # Errors
/// Returns [`HttpError::Unprocessable`] if the version is not a number, and
/// [`HttpError::Store`] or [`HttpError::Draft`] if the database or the draft fails.
pub async fn save_form(shared: &SharedState, form: &VerifiedForm) -> Result<SaveResult, HttpError> {
    if form.fields.text("version").is_empty() {
        return Ok(SaveResult::Saved);
    }
    save(shared, form, DraftAction::Save).await
}

async fn save(
    shared: &SharedState,
    form: &VerifiedForm,
    action: DraftAction,
) -> Result<SaveResult, HttpError> {
    let web = &shared.web;
    let before = web.store.draft_edits().await?;
    let version = form.fields.text("version").parse::<i64>();
    if version.map_err(|_| HttpError::Unprocessable)? != before.version {
        return conflict(shared, form).await.map(SaveResult::Rejected);
    }
    let mut after = before.clone();
    let mut text = apply_text(&mut after, &form.fields);
    if !text.has_errors() && after.note != before.note {
        let error = web.digests.check_note_size(&after).await?;
        text.note_error = error.map(|error| error.to_string());
    }
    let draft = web.digests.draft_with(before.clone()).await?;
    if text.has_errors() {
        let state = DraftPageState {
            preview: preview_options(&form.fields),
            text: Some(text),
            ..DraftPageState::default()
        };
        let view = draft_page(shared, &form.user, &draft, state).await?;
        return render_invalid(shared, &view).map(SaveResult::Rejected);
    }
    let with_text = after.clone();
    action.apply(&mut after, &draft);
    if after == before {
        return Ok(SaveResult::Saved);
    }
    let text_action = (with_text != before).then_some(AuditAction::IssueEdited);
    let button_action = action.audit_action().filter(|_| after != with_text);
    match web.store.save_draft_edits(&after).await? {
        SaveOutcome::Saved => {
            for action in text_action.into_iter().chain(button_action) {
                form.user.audit(shared, action, draft.number).await;
            }
            Ok(SaveResult::Saved)
        }
        SaveOutcome::Conflict => conflict(shared, form).await.map(SaveResult::Rejected),
    }
}

/// Copies the valid fields into `edits`. Returns the text as typed, with the errors of the
/// other fields.
fn apply_text(edits: &mut DraftEdits, fields: &FormFields) -> DraftText {
    let mut text = typed_text(fields);
    match Subject::parse(&text.subject) {
        Ok(subject) => edits.subject = Some(subject).filter(|subject| !subject.is_empty()),
        Err(error) => text.subject_error = Some(error.to_string()),
    }
    match Preheader::parse(&text.preheader) {
        Ok(preheader) => {
            edits.preheader = Some(preheader).filter(|preheader| !preheader.is_empty());
        }
        Err(error) => text.preheader_error = Some(error.to_string()),
    }
    match Note::parse(&text.note) {
        Ok(note) => edits.note = Some(note).filter(|note| !note.is_empty()),
        Err(error) => text.note_error = Some(error.to_string()),
    }
    text
}

fn typed_text(fields: &FormFields) -> DraftText {
    DraftText {
        subject: fields.text("subject").to_owned(),
        preheader: fields.text("preheader").to_owned(),
        note: fields.text("note").to_owned(),
        ..DraftText::default()
    }
}

/// Renders the current draft with the typed text still in the form and status 409. The page
/// shows the stored text where it differs; saving again overwrites it.
async fn conflict(shared: &SharedState, form: &VerifiedForm) -> HandlerResult {
    let draft = shared.web.digests.draft().await?;
    let (typed, stored) = (typed_text(&form.fields), stored_text(&draft.edits));
    let if_different = |stored: String, typed: &str| {
        let typed = typed.replace("\r\n", "\n");
        (stored.trim() != typed.trim()).then_some(stored)
    };
    let form_number = form.fields.text("number").parse::<i64>().ok();
    let state = DraftPageState {
        preview: preview_options(&form.fields),
        conflict: Some(Conflict {
            sent_number: form_number.filter(|number| *number < draft.number.get()),
            subject: if_different(stored.subject, &typed.subject),
            preheader: if_different(stored.preheader, &typed.preheader),
            note: if_different(stored.note, &typed.note),
        }),
        text: Some(typed),
        ..DraftPageState::default()
    };
    let view = draft_page(shared, &form.user, &draft, state).await?;
    Ok((StatusCode::CONFLICT, shared.pages.html(&view)?).into_response())
}

/// Returns the preview options of the form.
pub fn preview_options(fields: &FormFields) -> PreviewOptions {
    PreviewOptions::parse(
        fields.text("show"),
        fields.text("width"),
        fields.text("theme"),
    )
}

/// Redirects back to the page, with the same preview options, to the element `anchor`.
pub fn redirect_back(
    shared: &SharedState,
    fields: &FormFields,
    message: Option<FlashMessage>,
    anchor: &str,
) -> Response {
    let done = message.map(|message| format!("&done={}", message.as_str()));
    let options = preview_options(fields).to_query();
    let query = format!("{}{options}", done.unwrap_or_default());
    let mut path = "/admin/next".to_owned();
    if let Some(query) = query.strip_prefix('&') {
        path = format!("{path}?{query}");
    }
    if !anchor.is_empty() {
        path = format!("{path}#{anchor}");
    }
    redirect(shared, &path)
}
