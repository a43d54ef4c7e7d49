//! Background tasks other than delivery: the scheduler, alerts and housekeeping.

mod alerts;
mod housekeeping;
mod scheduler;

pub use alerts::Alerts;
pub use housekeeping::Housekeeping;
pub use scheduler::{ScheduleConfig, ScheduleFailure, Scheduler, SchedulerState};
