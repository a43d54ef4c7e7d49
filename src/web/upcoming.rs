//! When the next issue goes out by itself: one look for the desk and for readers.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::store::StoreError;
use crate::web::Services;
use crate::web::pages::millis;

/// Slots that may have their issue already, sent by hand, or be skipped.
const SLOTS_AHEAD: usize = 4;

/// When the schedule makes the next issue.
#[derive(Clone, Debug, Serialize)]
pub struct UpcomingSlot {
    /// `2026-W48`; posted with `action` = `skip` or `unskip` to `/admin/next/skip`.
    pub slot: String,
    #[serde(serialize_with = "millis")]
    pub at: Timestamp,
    pub is_this_week: bool,
    pub is_skipped: bool,
}

/// The scheduled instants whose slots have no issue yet, the next first.
async fn open_slots(web: &Services) -> Result<Vec<UpcomingSlot>, StoreError> {
    let mut open = Vec::new();
    let mut from = web.clock.now();
    let this_week = web.schedule.slot_of(from);
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
                is_this_week: slot == this_week,
                is_skipped: web.store.is_slot_skipped(&slot).await?,
            });
        }
        from = at;
    }
    Ok(open)
}

/// The next slot, and when the next issue goes out: later, if that slot is skipped.
pub async fn ahead(
    web: &Services,
) -> Result<(Option<UpcomingSlot>, Option<Timestamp>), StoreError> {
    let open = open_slots(web).await?;
    let goes_at = open.iter().find(|slot| !slot.is_skipped);
    let goes_at = goes_at.map(|slot| slot.at);
    Ok((open.into_iter().next(), goes_at))
}
