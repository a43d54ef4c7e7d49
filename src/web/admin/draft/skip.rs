//! The week in which no issue shall go out.

use axum::extract::State;

use crate::domain::audit::AuditAction;
use crate::domain::issue::slot::Slot;
use crate::web::admin::current_user::VerifiedForm;
use crate::web::admin::draft::edit;
use crate::web::admin::draft::edit::Saving;
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::response::{HandlerResult, redirect};
use crate::web::error::HttpError;
use crate::web::state::SharedState;
use crate::web::upcoming;

/// Skips the week that the editor looked at, or takes that back; words that were typed
/// meanwhile are kept.
pub async fn skip(State(shared): State<SharedState>, posted: VerifiedForm) -> HandlerResult {
    let web = &shared.web;
    if let Saving::Answered(answer) = edit::save_typed(&shared, &posted).await? {
        return Ok(answer);
    }
    let slot = Slot::parse(posted.fields.text("slot")).map_err(|_| HttpError::Unprocessable)?;
    let (next, _) = upcoming::ahead(web).await?;
    if next.is_none_or(|next| next.slot != slot.to_string()) {
        return Ok(redirect(&shared, "/admin/next"));
    }
    let (notice, did) = match posted.fields.text("action") {
        "skip" => {
            web.store.skip_slot(&slot, web.clock.now()).await?;
            (FlashMessage::WeekSkipped, AuditAction::WeekSkipped)
        }
        "unskip" => {
            web.store.unskip_slot(&slot).await?;
            (FlashMessage::WeekKept, AuditAction::WeekKept)
        }
        _ => return Err(HttpError::Unprocessable),
    };
    posted.editor.audit(&shared, did, slot).await;
    Ok(edit::back(&shared, &posted.fields, Some(notice), ""))
}
