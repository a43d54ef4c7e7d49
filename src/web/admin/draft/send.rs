//! `/admin/next/send`: the last look, and off it goes.

use axum::extract::State;
use axum::response::Response;
use sha2::{Digest, Sha256};

use crate::digest::{Draft, DraftError, PublishError, Published};
use crate::domain::audit::AuditAction;
use crate::domain::issue::IssueState;
use crate::domain::issue::slot::Slot;
use crate::store::{IssueRow, StoreError};
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::draft::view::{Send, WeekUsed};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::response::{HandlerResult, page, redirect, redirect_with_flash};
use crate::web::error::HttpError;
use crate::web::state::SharedState;
use crate::web::{Services, upcoming};

pub async fn show(State(shared): State<SharedState>, editor: CurrentUser) -> HandlerResult {
    let web = &shared.web;
    let draft = web.digests.draft().await?;
    if !web.digests.is_worth_sending(&draft) {
        return Ok(redirect_with_flash(
            &shared,
            "/admin/next",
            nothing_to_send(&draft),
        ));
    }
    let titles = draft.selection.chosen.iter();
    let (upcoming, _) = upcoming::ahead(web).await?;
    let view = Send {
        desk: editor.desk(&shared),
        number: draft.number.get(),
        subject: draft.subject.clone(),
        preheader: draft.preheader.clone(),
        from: web.digests.identity.from.to_string(),
        readers: draft.readers,
        has_note: draft.edits.note.is_some(),
        titles: titles.map(|(post, _)| post.title.clone()).collect(),
        blockers: web.not_ready.clone(),
        to_outbox: web.outbox.is_some(),
        upcoming,
        used: this_weeks(web).await?.map(|issue| WeekUsed {
            number: issue.number.get(),
            state: issue.state.as_str(),
        }),
        reviewed: fingerprint(web, &draft)?,
    };
    page(&shared, &view)
}

/// Sends what was looked at, and nothing else; or leaves it to the schedule.
pub async fn send(State(shared): State<SharedState>, posted: VerifiedForm) -> HandlerResult {
    let web = &shared.web;
    if !web.not_ready.is_empty() {
        return Ok(redirect(&shared, "/admin/next/send"));
    }
    if posted.fields.text("action") == "schedule" {
        return schedule(&shared, &posted).await;
    }
    if let Some(issue) = this_weeks(web).await? {
        return Ok(week_is_used(&shared, &issue));
    }
    let draft = web.digests.draft().await?;
    if fingerprint(web, &draft)? != posted.fields.text("reviewed") {
        return Ok(redirect_with_flash(
            &shared,
            "/admin/next/send",
            FlashMessage::Changed,
        ));
    }
    let slot = web.schedule.slot_of(web.clock.now());
    let published = web.digests.publish_reviewed(draft, slot).await;
    match published.map_err(failed)? {
        Some(Published::Made { number, .. }) => {
            posted
                .editor
                .audit(&shared, AuditAction::IssueSent, number)
                .await;
            let path = format!("/admin/issues/{number}");
            Ok(redirect_with_flash(
                &shared,
                &path,
                FlashMessage::SendingBegun,
            ))
        }
        Some(Published::AlreadyThere(issue)) => Ok(week_is_used(&shared, &issue)),
        Some(Published::NothingNew(draft)) => Ok(redirect_with_flash(
            &shared,
            "/admin/next",
            nothing_to_send(&draft),
        )),
        Some(Published::Skipped) | None => Ok(redirect_with_flash(
            &shared,
            "/admin/next/send",
            FlashMessage::Changed,
        )),
    }
}

/// The schedule sends the draft by itself; all there is to do is not to skip its slot.
async fn schedule(shared: &SharedState, posted: &VerifiedForm) -> HandlerResult {
    let (upcoming, _) = upcoming::ahead(&shared.web).await?;
    let Some(upcoming) = upcoming else {
        return Ok(redirect(shared, "/admin/next/send"));
    };
    let slot = Slot::parse(&upcoming.slot).map_err(|_| HttpError::Unprocessable)?;
    if upcoming.is_skipped {
        shared.web.store.unskip_slot(&slot).await?;
        posted
            .editor
            .audit(shared, AuditAction::WeekKept, slot)
            .await;
    }
    Ok(redirect_with_flash(
        shared,
        "/admin/next",
        FlashMessage::Scheduled,
    ))
}

fn failed(error: PublishError) -> HttpError {
    match error {
        PublishError::Draft(error) => error.into(),
        PublishError::Crowded => HttpError::Away,
    }
}

async fn this_weeks(web: &Services) -> Result<Option<IssueRow>, StoreError> {
    let slot = web.schedule.slot_of(web.clock.now());
    web.store.issue_of_slot(&slot).await
}

/// A second click leads to what the first one sent. What was cancelled was not sent.
fn week_is_used(shared: &SharedState, issue: &IssueRow) -> Response {
    if issue.state == IssueState::Cancelled {
        return redirect(shared, "/admin/next/send");
    }
    let page = format!("/admin/issues/{}", issue.number);
    redirect_with_flash(shared, &page, FlashMessage::AlreadySent)
}

fn nothing_to_send(draft: &Draft) -> FlashMessage {
    if draft.readers == 0 {
        FlashMessage::NobodyReads
    } else {
        FlashMessage::NothingNew
    }
}

/// Names what a reader would see, in one short word.
fn fingerprint(web: &Services, draft: &Draft) -> Result<String, DraftError> {
    let (content, _) = web.digests.sample(draft)?;
    let mut hash = Sha256::new();
    for part in [&content.subject, &content.text, &content.html] {
        hash.update(Sha256::digest(part));
    }
    Ok(hex::encode(&hash.finalize()[..16]))
}
