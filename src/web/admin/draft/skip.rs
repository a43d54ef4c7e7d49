//! `/admin/next/skip`: skips the next week of the schedule.

use axum::extract::State;

use crate::domain::audit::AuditAction;
use crate::domain::issue::slot::Slot;
use crate::web::admin::current_user::VerifiedForm;
use crate::web::admin::draft::edit::{SaveResult, redirect_back, save_form};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::response::{HandlerResult, redirect};
use crate::web::error::HttpError;
use crate::web::state::SharedState;
use crate::web::upcoming;

/// `POST /admin/next/skip`: skips the week that the page showed, or undoes that. Text in
/// the form is saved, too.
pub async fn skip(State(shared): State<SharedState>, form: VerifiedForm) -> HandlerResult {
    let web = &shared.web;
    if let SaveResult::Rejected(response) = save_form(&shared, &form).await? {
        return Ok(response);
    }
    let slot = Slot::parse(form.fields.text("slot")).map_err(|_| HttpError::Unprocessable)?;
    let (upcoming, _) = upcoming::ahead(web).await?;
    if upcoming.is_none_or(|upcoming| upcoming.slot != slot.to_string()) {
        return Ok(redirect(&shared, "/admin/next"));
    }
    let (message, action) = match form.fields.text("action") {
        "skip" => {
            web.store.skip_slot(&slot, web.clock.now()).await?;
            (FlashMessage::WeekSkipped, AuditAction::WeekSkipped)
        }
        "unskip" => {
            web.store.unskip_slot(&slot).await?;
            (FlashMessage::WeekUnskipped, AuditAction::WeekKept)
        }
        _ => return Err(HttpError::Unprocessable),
    };
    form.user.audit(&shared, action, slot).await;
    Ok(redirect_back(&shared, &form.fields, Some(message), ""))
}
