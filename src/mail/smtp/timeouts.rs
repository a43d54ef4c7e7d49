//! Timeouts per SMTP phase.

use std::time::Duration;

/// How long each reply may take (RFC 5321 §4.5.3.2).
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// Name lookup and TCP connection.
    pub connect: Duration,
    /// The greeting after connecting.
    pub greeting: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// Reply to EHLO, STARTTLS, AUTH or RSET.
    pub command: Duration,
    /// Reply to MAIL FROM.
    pub mail: Duration,
    /// Reply to RCPT TO.
    pub rcpt: Duration,
    /// Reply to DATA.
    pub data: Duration,
    /// Writing a block of data.
    pub block: Duration,
    /// Reply to the final dot.
    pub dot: Duration,
    /// Reply to QUIT.
    pub quit: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        fail_point!("short-timeouts", |_| Self {
            dot: Duration::from_secs(1),
            ..Self::rfc_5321()
        });
        Self::rfc_5321()
    }
}

impl Timeouts {
    fn rfc_5321() -> Self {
        let minutes = |n: u64| Duration::from_secs(60 * n);
        Self {
            connect: Duration::from_secs(30),
            greeting: minutes(5),
            tls: minutes(1),
            command: minutes(5),
            mail: minutes(5),
            rcpt: minutes(5),
            data: minutes(2),
            block: minutes(3),
            dot: minutes(10),
            quit: Duration::from_secs(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the minimum values of RFC 5321 §4.5.3.2.
    #[test]
    fn timeouts_are_at_least_those_of_rfc_5321() {
        let timeouts = Timeouts::default();

        for (timeout, minutes) in [
            (timeouts.greeting, 5),
            (timeouts.mail, 5),
            (timeouts.rcpt, 5),
            (timeouts.data, 2),
            (timeouts.block, 3),
            (timeouts.dot, 10),
        ] {
            assert!(timeout >= Duration::from_secs(60 * minutes), "{timeout:?}");
        }
    }
}
