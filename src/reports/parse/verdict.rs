//! Decides from codes and words whether an address is dead.
//!
//! In doubt it is not: a wrong suppression loses a subscriber, while a dead address reports again
//! with the next issue.

/// What a failure says about the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The mailbox or its domain does not exist.
    Dead,
    /// The mailbox is full.
    Full,
    /// Anything else: policy, spam, network, size.
    Soft,
}

/// Enhanced codes (RFC 3463, 7505) of addresses that do not exist, as subject and detail.
const DEAD_CODES: &[&str] = &["1.1", "1.2", "1.3", "1.6", "1.10", "2.1"];

/// Words of failures that concern the mailbox's size.
const FULL_WORDS: &[&str] = &[
    "mailbox full",
    "mailbox is full",
    "mailbox was full",
    "mail box full",
    "inbox is full",
    "mailfolder is full",
    "over quota",
    "overquota",
    "over the maximum allowed quota",
    "quota exceeded",
    "exceeded quota",
    "exceeded its quota",
    "exceeds the quota",
    "exceeded the quota",
    "exceeded storage",
    "storage allocation",
    "disk quota",
    "user is over",
    "out of storage",
    "not enough disk space",
    "insufficient space",
    "not enough storage",
    "not enough space",
    "no space left for this user",
    "size limit of mailbox",
    "mailbox size limit",
    "exceeds maximum allowed storage",
];

/// Words of failures that do not concern the address, whatever their code.
const SOFT_WORDS: &[&str] = &[
    "spam",
    "blocked",
    "blacklist",
    "block list",
    "blocklist",
    "denylist",
    "rbl",
    "reputation",
    "policy",
    "dmarc",
    "dkim",
    "spf",
    "sender",
    "authenticat",
    "not authorized",
    "not allowed",
    "not permitted",
    "relay",
    "access denied",
    "reverse dns",
    "ptr record",
    "rdns",
    "helo",
    "virus",
    "malware",
    "suspicious",
    "too large",
    "too big",
    "message size",
    "size limit",
    "maximum size",
    "too many hops",
    "hop count",
    "loop",
    "timed out",
    "timeout",
    "time out",
    "expired",
    "retry time",
    "connection refused",
    "could not connect",
    "network",
    "unreachable",
    "temporar",
    "try again",
    "too many",
    "rate limit",
    "greylist",
    "graylist",
    "no valid hosts",
    "content reject",
    "rejected for",
    "rejected due",
    "list server",
    "subscribers-only",
    "member",
    "moderat",
    "insufficient system",
    "lookup failed, will",
    "pipe",
    "procmail",
    "couldn't create",
    "local error",
    "configuration error",
];

/// Words of addresses that do not exist.
const DEAD_WORDS: &[&str] = &[
    "user unknown",
    "unknown user",
    "unknown recipient",
    "recipient unknown",
    "unknown address",
    "unknown mailbox",
    "unknown local part",
    "unknown local-part",
    "unknown account",
    "unknown or illegal alias",
    "unknown or invalid",
    "user not known",
    "user not found",
    "user is unknown",
    "no such user",
    "no such recipient",
    "no such mailbox",
    "no such address",
    "no such account",
    "no such person",
    "no such local user",
    "no user with that name",
    "no mailbox here by that name",
    "no mailbox by that name",
    "no mailbox found",
    "no account by that name",
    "not a known user",
    "not a valid mailbox",
    "not a valid user",
    "not a valid recipient",
    "not listed in",
    "not our customer",
    "address does not exist",
    "address doesn't exist",
    "account does not exist",
    "account that you tried to reach does not exist",
    "mailbox does not exist",
    "mailbox not found",
    "mailbox doesn't exist",
    "user does not exist",
    "user doesn't exist",
    "user doesn't have a",
    "recipient does not exist",
    "recipient not found",
    "recipient not exist",
    "recipient name is not recognized",
    "doesn't have an account",
    "does not have an account",
    "invalid mailbox",
    "invalid recipient",
    "unknown or illegal user",
    "domain may not exist",
    "invalid domain",
    "illegal host/domain name",
    "domain is not reachable",
    "invalid user",
    "address unknown",
    "address not found",
    "recipientnotfound",
    "resolver.adr.recipnotfound",
    "resolver.adr.exrecipnotfound",
    "bad destination mailbox",
    "destination addresses were unknown",
    "unrouteable address",
    "unroutable address",
    "host unknown",
    "unknown host",
    "host not found",
    "name or service not known",
    "domain does not exist",
    "domain not found",
    "nxdomain",
    "non-existent domain",
    "no such domain",
    "user was not found",
    "user could not be found",
    "couldn't be found",
    "wasn't found at",
    "user has moved",
    "all relevant mx records point to non-existent hosts",
];

/// Decides by an enhanced code and the words of a reply; `None` if neither says anything.
pub(super) fn decide(code: Option<&str>, words: &str) -> Option<Verdict> {
    let words = words.to_ascii_lowercase();
    let contains = |phrases: &[&str]| phrases.iter().any(|phrase| words.contains(phrase));
    // A delivery program failed, whatever it says about the user.
    if contains(&["procmail", "couldn't create"]) {
        return Some(Verdict::Soft);
    }
    let detail = code.and_then(|code| code.split_once('.'));
    if contains(FULL_WORDS) || detail.is_some_and(|(_, it)| it == "2.2") {
        return Some(Verdict::Full);
    }
    match detail {
        Some(("5", detail)) if DEAD_CODES.contains(&detail) => {
            let is_dead = contains(DEAD_WORDS) || !contains(SOFT_WORDS);
            Some(if is_dead {
                Verdict::Dead
            } else {
                Verdict::Soft
            })
        }
        // These name another cause, whatever the words.
        Some((_, detail)) if detail.starts_with("7.") || detail == "1.8" || detail == "1.7" => {
            Some(Verdict::Soft)
        }
        Some(("4", _)) => Some(Verdict::Soft),
        _ if contains(SOFT_WORDS) => Some(Verdict::Soft),
        _ if contains(DEAD_WORDS) => Some(Verdict::Dead),
        _ => None,
    }
}

/// Words of messages that were tried for too long.
const EXPIRY_WORDS: &[&str] = &[
    "expired",
    "timed out",
    "timeout",
    "temporarily unavailable",
    "wasn't able to establish an smtp connection",
];

/// Returns whether a failure that is not about the address says only that the mail could not be
/// delivered in time. The next issue is tried again like a deferred one.
pub(super) fn is_temporary(code: Option<&str>, words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    code.is_some_and(|code| code.starts_with("4."))
        || EXPIRY_WORDS.iter().any(|phrase| words.contains(phrase))
}

/// Returns the first enhanced status code of a text that is not 5.0.0, or else the first one.
pub(super) fn enhanced_code(text: &str) -> Option<String> {
    let mut first = None;
    let is_separator = |c: char| !(c.is_ascii_digit() || c == '.');
    for word in text.split(is_separator) {
        let word = word.trim_matches('.');
        let mut numbers = word.split('.');
        let (class, subject, detail) = (numbers.next(), numbers.next(), numbers.next());
        let is_code = matches!(class, Some("2" | "4" | "5"))
            && [subject, detail]
                .iter()
                .all(|number| number.is_some_and(|it| (1..=3).contains(&it.len())))
            && numbers.next().is_none();
        if is_code && !word.ends_with(".0.0") {
            return Some(word.to_owned());
        }
        if is_code && first.is_none() {
            first = Some(word.to_owned());
        }
    }
    first
}
