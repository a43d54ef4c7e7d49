//! Stand-in until the room is merged.
#[derive(Clone, Debug)]
pub struct Outbox;
