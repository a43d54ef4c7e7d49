//! The next slots of the schedule, for the admin UI and the public pages.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::store::StoreError;
use crate::web::render::millis;
use crate::web::services::Services;

/// Number of scheduled instants examined. Slots may have an issue that was sent manually, or
/// be skipped.
const SLOTS_AHEAD: usize = 4;

/// A slot for which the schedule will create an issue.
#[derive(Clone, Debug, Serialize)]
pub struct UpcomingSlot {
    /// ISO week, `2026-W48`. Posted with `action` = `skip` or `unskip` to `/admin/next/skip`.
    pub slot: String,
    /// Scheduled instant.
    #[serde(serialize_with = "millis")]
    pub at: Timestamp,
    /// Whether it is the current week.
    pub is_this_week: bool,
    /// Whether an editor has skipped the week.
    pub is_skipped: bool,
}

/// Returns the scheduled instants whose slots have no issue, in order.
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

/// Returns the next slot, and when the next issue is sent: later, if that slot is skipped.
///
/// # Errors
/// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
/// stored value cannot be parsed.
pub async fn ahead(
    web: &Services,
) -> Result<(Option<UpcomingSlot>, Option<Timestamp>), StoreError> {
    let open = open_slots(web).await?;
    let send_at = open
        .iter()
        .find(|slot| !slot.is_skipped)
        .map(|slot| slot.at);
    Ok((open.into_iter().next(), send_at))
}
