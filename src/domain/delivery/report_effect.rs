//! What a report changes.

/// What a report that proves its delivery changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportEffect {
    /// The address is dead: the delivery bounced, and the subscriber is suppressed.
    Dead,
    /// The mailbox is full: the delivery bounced; the third issue over two weeks suppresses.
    Full,
    /// Another failure: the delivery bounced.
    Soft,
    /// A complaint: the subscriber is suppressed.
    Complaint,
    /// The recipient wants no more mail: the subscriber is unsubscribed.
    OptOut,
}

impl ReportEffect {
    /// Returns the stored word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Full => "full",
            Self::Soft => "soft",
            Self::Complaint => "complaint",
            Self::OptOut => "opt_out",
        }
    }

    /// Returns whether the delivery counts as bounced.
    pub const fn is_bounce(self) -> bool {
        matches!(self, Self::Dead | Self::Full | Self::Soft)
    }
}
