//! Changes to the next issue. The page is one form: whatever is pressed, what was typed
//! is saved with it, and nothing is overwritten that the editor has not seen.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::domain::audit::AuditAction;
use crate::domain::issue::draft_edits::DraftEdits;
use crate::domain::issue::text::{Note, Preheader, Subject};
use crate::store::SaveOutcome;
use crate::web::admin::current_user::VerifiedForm;
use crate::web::admin::draft::action::{DraftAction, PostAction};
use crate::web::admin::draft::view::{self as draft, DraftPageState};
use crate::web::admin::draft::view::{Conflict, PreviewOptions, Words};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::form::FormFields;
use crate::web::admin::response::{HandlerResult, redirect, refused};
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// What became of what was typed.
pub(crate) enum Saving {
    /// It stands.
    Saved,
    /// It does not, and this says why.
    Answered(Response),
}

/// `POST /admin/next`.
pub async fn change(State(shared): State<SharedState>, posted: VerifiedForm) -> HandlerResult {
    let deed = DraftAction::parse(posted.fields.text("do")).ok_or(HttpError::Unprocessable)?;
    if let Saving::Answered(answer) = save(&shared, &posted, deed).await? {
        return Ok(answer);
    }
    let back = |notice, place: &str| Ok(back(&shared, &posted.fields, notice, place));
    match deed {
        DraftAction::Save => back(Some(FlashMessage::Saved), ""),
        DraftAction::Review => Ok(redirect(&shared, "/admin/next/send")),
        DraftAction::New => Ok(redirect(&shared, "/admin/next/add")),
        DraftAction::Unplace => back(None, "posts"),
        DraftAction::On(PostAction::Edit, post) => {
            Ok(redirect(&shared, &format!("/admin/next/posts/{post}")))
        }
        DraftAction::On(PostAction::Hide, post) => {
            back(Some(FlashMessage::PostHidden), &format!("post-{post}"))
        }
        DraftAction::On(_, post) => back(None, &format!("post-{post}")),
    }
}

/// Saves what the page's form carries beside the button, if it came from that page.
pub(crate) async fn save_typed(
    shared: &SharedState,
    posted: &VerifiedForm,
) -> Result<Saving, HttpError> {
    if posted.fields.text("version").is_empty() {
        return Ok(Saving::Saved);
    }
    save(shared, posted, DraftAction::Save).await
}

async fn save(
    shared: &SharedState,
    posted: &VerifiedForm,
    deed: DraftAction,
) -> Result<Saving, HttpError> {
    let web = &shared.web;
    let before = web.store.draft_edits().await?;
    let version = posted.fields.text("version").parse::<i64>();
    if version.map_err(|_| HttpError::Unprocessable)? != before.version {
        return conflict(shared, posted).await.map(Saving::Answered);
    }
    let mut after = before.clone();
    let mut typed = type_on(&mut after, &posted.fields);
    let mut is_faulty = [
        &typed.subject_fault,
        &typed.preheader_fault,
        &typed.note_fault,
    ]
    .iter()
    .any(|fault| fault.is_some());
    if !is_faulty && after.note != before.note {
        let fault = web.digests.note_fault(&after).await?;
        typed.note_fault = fault.map(|fault| fault.to_string());
        is_faulty = typed.note_fault.is_some();
    }
    let draft = web.digests.draft_with(before.clone()).await?;
    if is_faulty {
        let told = DraftPageState {
            look: look(&posted.fields),
            typed: Some(typed),
            ..DraftPageState::default()
        };
        let view = draft::draft_view(shared, &posted.editor, &draft, told).await?;
        return refused(shared, &view).map(Saving::Answered);
    }
    let worded = after.clone();
    deed.apply(&mut after, &draft);
    if after == before {
        return Ok(Saving::Saved);
    }
    let of_words = (worded != before).then_some(AuditAction::IssueEdited);
    let of_deed = deed.action().filter(|_| after != worded);
    match web.store.save_draft_edits(&after).await? {
        SaveOutcome::Saved => {
            for did in of_words.into_iter().chain(of_deed) {
                posted.editor.audit(shared, did, draft.number).await;
            }
            Ok(Saving::Saved)
        }
        SaveOutcome::Outrun => conflict(shared, posted).await.map(Saving::Answered),
    }
}

/// Puts the typed words into `edits`, those that can be; tells of the others.
fn type_on(edits: &mut DraftEdits, fields: &FormFields) -> Words {
    let mut typed = typed(fields);
    match Subject::parse(&typed.subject) {
        Ok(subject) => edits.subject = Some(subject).filter(|it| !it.is_empty()),
        Err(error) => typed.subject_fault = Some(error.to_string()),
    }
    match Preheader::parse(&typed.preheader) {
        Ok(preheader) => edits.preheader = Some(preheader).filter(|it| !it.is_empty()),
        Err(error) => typed.preheader_fault = Some(error.to_string()),
    }
    match Note::parse(&typed.note) {
        Ok(note) => edits.note = Some(note).filter(|it| !it.is_empty()),
        Err(error) => typed.note_fault = Some(error.to_string()),
    }
    typed
}

fn typed(fields: &FormFields) -> Words {
    Words {
        subject: fields.text("subject").to_owned(),
        preheader: fields.text("preheader").to_owned(),
        note: fields.text("note").to_owned(),
        ..Words::default()
    }
}

/// The page as it stands now, with what was typed kept in the form: saved again, it wins.
async fn conflict(shared: &SharedState, posted: &VerifiedForm) -> HandlerResult {
    let draft = shared.web.digests.draft().await?;
    let (typed, stored) = (typed(&posted.fields), draft::stored_words(&draft.edits));
    let differs = |theirs: String, mine: &str| {
        let mine = mine.replace("\r\n", "\n");
        (theirs.trim() != mine.trim()).then_some(theirs)
    };
    let made_for = posted.fields.text("number").parse::<i64>();
    let told = DraftPageState {
        look: look(&posted.fields),
        conflict: Some(Conflict {
            gone: made_for.ok().filter(|number| *number < draft.number.get()),
            subject: differs(stored.subject, &typed.subject),
            preheader: differs(stored.preheader, &typed.preheader),
            note: differs(stored.note, &typed.note),
        }),
        typed: Some(typed),
        ..DraftPageState::default()
    };
    let view = draft::draft_view(shared, &posted.editor, &draft, told).await?;
    Ok((StatusCode::CONFLICT, shared.pages.html(&view)?).into_response())
}

pub(crate) fn look(fields: &FormFields) -> PreviewOptions {
    PreviewOptions::of(
        fields.text("show"),
        fields.text("width"),
        fields.text("theme"),
    )
}

/// Back to the page, at the place where it was pressed.
pub(crate) fn back(
    shared: &SharedState,
    fields: &FormFields,
    notice: Option<FlashMessage>,
    place: &str,
) -> Response {
    let done = notice.map(|notice| format!("&done={}", notice.as_str()));
    let query = format!("{}{}", done.unwrap_or_default(), look(fields).query());
    let mut path = "/admin/next".to_owned();
    if let Some(query) = query.strip_prefix('&') {
        path = format!("{path}?{query}");
    }
    if !place.is_empty() {
        path = format!("{path}#{place}");
    }
    redirect(shared, &path)
}
