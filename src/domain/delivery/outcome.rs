//! Outcome of one attempt to send a message.

/// Outcome of one attempt, derived from the SMTP reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The server accepted the message: 2yz after the final dot.
    Delivered,
    /// Transient rejection, or no connection. The delivery is retried later.
    Deferred(DeferReason),
    /// Permanent rejection.
    Bounced(BounceReason),
    /// The message was sent and the reply lost (RFC 1047).
    InDoubt,
    /// The sender is the cause, not the recipient.
    ///
    /// The issue is paused, and no attempt is charged.
    Halted(HaltReason),
}

/// Why a delivery is deferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeferReason {
    /// No connection, or it was lost before the final dot.
    Connection,
    /// A 4yz reply that concerns this recipient or message.
    Refused,
    /// 421, or a reply about too many connections or too high a rate.
    Throttled,
    /// The mailbox is full: 4.2.2 or 5.2.2. The recipient may still empty it.
    MailboxFull,
}

/// Why a delivery bounced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BounceReason {
    /// Hard bounce: the mailbox or domain does not exist. The subscriber is suppressed.
    InvalidAddress,
    /// A 550 without an enhanced code that names the cause. A second one a week later
    /// suppresses the subscriber.
    Unclear,
    /// Policy rejection: 5.7.x, or 554 after DATA. It concerns the sender and never
    /// suppresses a subscriber.
    Policy,
}

/// Why sending has to stop until the operator or editor intervenes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HaltReason {
    /// Login, TLS or certificate error: the SMTP settings are wrong.
    Settings,
    /// The message itself is rejected: 5.3.4, 5.5.x or 5.6.x.
    Message,
}

/// Outcome of an attempt together with the reply that caused it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SmtpResult {
    /// Classification of the reply.
    pub outcome: Outcome,
    /// The server's reply, or a description of the error if the server did not reply. A
    /// single line without control characters; it may contain an address.
    pub reply: String,
}
