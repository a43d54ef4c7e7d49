//! The loops that run beside the web: the schedule and the housekeeping. (The delivery
//! engine is a loop of its own, in `delivery`.)

mod alerts;
mod housekeeping;
mod scheduler;

pub use alerts::Alerts;
pub use housekeeping::Housekeeping;
pub use scheduler::{ScheduleConfig, ScheduleFailure, Scheduler, SchedulerState};
