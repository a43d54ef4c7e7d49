//! When the next issue goes out by itself, and the week in which none shall.

use axum::extract::State;

use super::edit::Saving;
use super::editor::Posted;
use super::views::{Notice, UpcomingSlot};
use super::{Answer, edit, see_other};
use crate::domain::audit::Action;
use crate::domain::clock::Timestamp;
use crate::domain::slot::Slot;
use crate::store::StoreError;
use crate::web::Web;
use crate::web::errors::HttpError;
use crate::web::state::Shared;

/// Slots that may have their issue already, sent by hand, or be skipped.
const SLOTS_AHEAD: usize = 4;

/// The scheduled instants whose slots have no issue yet, the next first.
async fn open_slots(web: &Web) -> Result<Vec<UpcomingSlot>, StoreError> {
    let mut open = Vec::new();
    let mut from = web.clock.now();
    for _ in 0..SLOTS_AHEAD {
        let next = web.schedule.next_after(from);
        let Some(at) = next.filter(|_| web.schedule_enabled) else {
            break;
        };
        let slot = web.schedule.slot_of(at);
        if web.store.issue_of_slot(&slot).await?.is_none() {
            open.push(UpcomingSlot {
                slot: slot.to_string(),
                at,
                is_skipped: web.store.is_skipped(&slot).await?,
            });
        }
        from = at;
    }
    Ok(open)
}

/// The next slot, and when the next issue goes out: later, if that slot is skipped.
pub(super) async fn ahead(
    web: &Web,
) -> Result<(Option<UpcomingSlot>, Option<Timestamp>), StoreError> {
    let open = open_slots(web).await?;
    let goes_at = open.iter().find(|slot| !slot.is_skipped);
    let goes_at = goes_at.map(|slot| slot.at);
    Ok((open.into_iter().next(), goes_at))
}

/// Skips the week that the editor looked at, or takes that back; words that were typed
/// meanwhile are kept.
pub async fn skip(State(shared): State<Shared>, posted: Posted) -> Answer {
    let web = &shared.web;
    if let Saving::Answered(answer) = edit::save_typed(&shared, &posted).await? {
        return Ok(answer);
    }
    let slot = Slot::parse(posted.fields.text("slot")).map_err(|_| HttpError::Unprocessable)?;
    let (upcoming, _) = ahead(web).await?;
    if upcoming.is_none_or(|upcoming| upcoming.slot != slot.to_string()) {
        return Ok(see_other(&shared, "/admin/next"));
    }
    let (notice, did) = match posted.fields.text("action") {
        "skip" => {
            web.store.skip_slot(&slot, web.clock.now()).await?;
            (Notice::WeekSkipped, Action::WeekSkipped)
        }
        "unskip" => {
            web.store.unskip_slot(&slot).await?;
            (Notice::WeekKept, Action::WeekKept)
        }
        _ => return Err(HttpError::Unprocessable),
    };
    posted.editor.did(&shared, did, slot).await;
    Ok(edit::back(&shared, &posted.fields, Some(notice), ""))
}
