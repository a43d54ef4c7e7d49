//! How patient we are.

use std::time::Duration;

/// How long each answer may take (RFC 5321 §4.5.3.2).
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    pub connect: Duration,
    pub greeting: Duration,
    pub tls: Duration,
    /// EHLO, STARTTLS, AUTH, RSET.
    pub command: Duration,
    pub mail: Duration,
    pub rcpt: Duration,
    pub data: Duration,
    /// To hand over a block of data.
    pub block: Duration,
    /// The answer to the final dot.
    pub dot: Duration,
    pub quit: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        fail_point!("impatient", |_| Self {
            dot: Duration::from_secs(1),
            ..Self::of_the_rfc()
        });
        Self::of_the_rfc()
    }
}

impl Timeouts {
    fn of_the_rfc() -> Self {
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

    /// RFC 5321 §4.5.3.2: at least so many minutes.
    #[test]
    fn nobody_is_hurried_who_has_the_rfcs_time() {
        let ours = Timeouts::default();
        for (limit, minutes) in [
            (ours.greeting, 5),
            (ours.mail, 5),
            (ours.rcpt, 5),
            (ours.data, 2),
            (ours.block, 3),
            (ours.dot, 10),
        ] {
            assert!(limit >= Duration::from_secs(60 * minutes), "{limit:?}");
        }
    }
}
