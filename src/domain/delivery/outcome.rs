//! What became of one try to hand over a mail, and what that decides.

/// The verdict on one try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server took the mail over (a 2yz after the final dot).
    Delivered,
    /// Refused for now, or the server could not be talked to: try again later.
    Deferred(DeferReason),
    /// Refused for good.
    Bounced(BounceReason),
    /// The final dot may have been taken and no reply was read (RFC 1047).
    InDoubt,
    /// Not about the recipient at all: stop, charge nobody, tell the editor.
    Halted(HaltReason),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeferReason {
    /// No connection, or it broke before the final dot.
    Connection,
    /// A 4yz about this recipient or message.
    Refused,
    /// 421, or the server says we are too many or too fast.
    Throttled,
    /// 4.2.2 and 5.2.2: people do empty their mailboxes.
    MailboxFull,
}

/// What a final refusal says of the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BounceReason {
    /// There is no such mailbox: never write to it again.
    Dead,
    /// A bare 550: a second one a week later settles it.
    Unclear,
    /// About us, not the address (5.7.x, a 554 at DATA). Never suppresses anyone.
    Policy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HaltReason {
    /// Log-in, TLS or certificate: the operator's settings.
    Settings,
    /// 5.3.4, 5.5.x, 5.6.x: the message itself.
    OurMessage,
}

/// An outcome with the server's own last words (one clean line, for people).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpResult {
    pub outcome: Outcome,
    pub reply: String,
}
