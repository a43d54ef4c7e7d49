//! `/admin/next/send`: the last look, and off it goes.

use axum::extract::State;
use sha2::{Digest, Sha256};

use super::editor::{Editor, Posted};
use super::views::{Notice, Send};
use super::{Answer, done, page, see_other};
use crate::digest::{Draft, DraftError, PublishError, Published};
use crate::domain::audit::Action;
use crate::store::IssueRow;
use crate::store::StoreError;
use crate::web::Web;
use crate::web::errors::HttpError;
use crate::web::state::Shared;

pub async fn show(State(shared): State<Shared>, editor: Editor) -> Answer {
    let web = &shared.web;
    if let Some(issue) = this_weeks(web).await? {
        return Ok(done(&shared, &page_of(&issue), Notice::AlreadySent));
    }
    let draft = web.digests.draft().await?;
    if !web.digests.is_worth_sending(&draft) {
        return Ok(done(&shared, "/admin/next", nothing_to_send(&draft)));
    }
    let titles = draft.selection.chosen.iter();
    let view = Send {
        desk: editor.desk(&shared),
        number: draft.number.get(),
        subject: draft.subject.clone(),
        from: web.digests.identity.from.to_string(),
        readers: draft.readers,
        titles: titles.map(|(post, _)| post.title.clone()).collect(),
        blockers: web.not_ready.clone(),
        to_outbox: web.outbox.is_some(),
        reviewed: fingerprint(web, &draft)?,
    };
    page(&shared, &view)
}

/// Sends what was looked at, and nothing else.
pub async fn send(State(shared): State<Shared>, posted: Posted) -> Answer {
    let web = &shared.web;
    if !web.not_ready.is_empty() {
        return Ok(see_other(&shared, "/admin/next/send"));
    }
    if let Some(issue) = this_weeks(web).await? {
        return Ok(done(&shared, &page_of(&issue), Notice::AlreadySent));
    }
    let draft = web.digests.draft().await?;
    if fingerprint(web, &draft)? != posted.fields.text("reviewed") {
        return Ok(done(&shared, "/admin/next/send", Notice::Changed));
    }
    let slot = web.schedule.slot_of(web.clock.now());
    let published = web.digests.publish(Some(slot)).await;
    match published.map_err(failed)? {
        Published::Made { number, .. } => {
            posted.editor.did(&shared, Action::IssueSent, number).await;
            let path = format!("/admin/issues/{number}");
            Ok(done(&shared, &path, Notice::SendingBegun))
        }
        Published::AlreadyThere(issue) => Ok(done(&shared, &page_of(&issue), Notice::AlreadySent)),
        Published::NothingNew(draft) => Ok(done(&shared, "/admin/next", nothing_to_send(&draft))),
    }
}

fn failed(error: PublishError) -> HttpError {
    match error {
        PublishError::Draft(error) => error.into(),
        PublishError::Crowded => HttpError::Away,
    }
}

async fn this_weeks(web: &Web) -> Result<Option<IssueRow>, StoreError> {
    let slot = web.schedule.slot_of(web.clock.now());
    web.store.issue_of_slot(&slot).await
}

fn page_of(issue: &IssueRow) -> String {
    format!("/admin/issues/{}", issue.number)
}

fn nothing_to_send(draft: &Draft) -> Notice {
    if draft.readers == 0 {
        Notice::NobodyReads
    } else {
        Notice::NothingNew
    }
}

/// Names what a reader would see, in one short word.
fn fingerprint(web: &Web, draft: &Draft) -> Result<String, DraftError> {
    let (content, _) = web.digests.sample(draft)?;
    let mut hash = Sha256::new();
    for part in [&content.subject, &content.text, &content.html] {
        hash.update(Sha256::digest(part));
    }
    Ok(hex::encode(&hash.finalize()[..16]))
}
