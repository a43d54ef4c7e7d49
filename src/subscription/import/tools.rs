//! What the columns and words of newsletter tools say about a subscriber: one table for all.

use crate::domain::clock::Timestamp;
use crate::subscription::import::dates::{DateOrder, parse_time};
use crate::subscription::import::error::RowError;
use crate::subscription::import::fold::fold;

/// What a column of a list says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A word for the state: `active`, `unsubscribed`, `bounced` …
    State(Words),
    /// Whether they agree to get mail; what is not a yes is a no.
    Consent,
    /// Whether or when they confirmed; what is not a yes means that they are waiting.
    Confirmed,
    /// Whether or when they must not be written to any more, and what that means.
    Refusal(Verdict),
    /// Present only in a file whose rows are all in this state (Mailchimp).
    Everybody(Verdict),
    /// When they were added.
    CreatedAt,
    /// When they signed up.
    AskedAt,
    /// The IP address of the sign-up.
    AskedIp,
    /// When they confirmed.
    ConfirmedAt,
    /// The IP address of the confirmation.
    ConfirmedIp,
    /// Where they signed up.
    Source,
    /// The version of the form.
    FormVersion,
    /// Why the address is suppressed.
    Reason,
    /// When a pause ends.
    PausedUntil,
    /// When the present state began, in exports of earlier releases.
    Since,
}

/// Words that mean something else in one tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Words {
    /// The words in common.
    Common,
    /// Kit: `inactive` is who has not confirmed.
    Kit,
    /// Buttondown: kinds of paying subscribers get mail.
    Buttondown,
}

impl Role {
    /// Returns whether the column says something about the state.
    pub(super) const fn is_state(self) -> bool {
        matches!(
            self,
            Self::State(_)
                | Self::Consent
                | Self::Confirmed
                | Self::Refusal(_)
                | Self::Everybody(_)
        )
    }

    /// Returns whether the column contains dates.
    pub(super) const fn has_dates(self) -> bool {
        matches!(
            self,
            Self::Consent
                | Self::Confirmed
                | Self::Refusal(_)
                | Self::CreatedAt
                | Self::AskedAt
                | Self::ConfirmedAt
                | Self::PausedUntil
                | Self::Since
        )
    }
}

const LEFT: Verdict = Verdict::Left;
const HAS_BOUNCED: Verdict = Verdict::Suppressed(BOUNCED);
const HAS_COMPLAINED: Verdict = Verdict::Suppressed(COMPLAINED);
const IS_BLOCKED: Verdict = Verdict::Suppressed(BLOCKED);

/// Roles by header, folded. Tools: listmonk, Mailchimp, Ghost, Substack, Buttondown, Kit,
/// Beehiiv, Brevo, Keila, `MailerLite`, Mautic, Shopify, phpList, and the exports of Broadsheet.
const ROLES: &[(&[&str], Role)] = &[
    (
        &[
            "status",
            "subscriberstatus",
            "subscriptionstatus",
            "emailstatus",
            "contactstatus",
            "memberstatus",
            "marketingstatus",
            "emailmarketingstatus",
            "emailsubscriptionstatus",
            "subscriptionstate",
            "subscriberstate",
            "emailsubscriberstatus",
            "mailstatus",
            "statut",
            "estado",
            "stato",
            "newsletterstatus",
            "emailstate",
        ],
        Role::State(Words::Common),
    ),
    // Ambiguous by themselves; see `find_role`.
    (&["state"], Role::State(Words::Kit)),
    (&["type", "subscribertype"], Role::State(Words::Buttondown)),
    (
        &[
            "subscribedtoemails",
            "acceptsemailmarketing",
            "acceptsmarketing",
            "subscribed",
            "issubscribed",
            "subscribe",
            "emailconsent",
            "emailmarketingconsent",
            "consent",
            "marketingconsent",
            "optin",
            "optedin",
            "emailoptin",
            "emailoptedin",
            "emailmarketing",
            "acceptsemails",
            "receivesemails",
            "newsletterconsent",
            "newslettersubscribed",
        ],
        Role::Consent,
    ),
    (
        &[
            "isthissubscriberconfirmed",
            "confirmed",
            "isconfirmed",
            "verified",
            "isverified",
            "emailverified",
            "emailconfirmed",
            "doubleoptin",
            "optinconfirmed",
        ],
        Role::Confirmed,
    ),
    (
        &[
            "donotcontact",
            "donotemail",
            "donotmail",
            "dnc",
            "emaildisabled",
            "emailoptout",
            "emailoptedout",
            "optout",
            "optedout",
            "hasoptedoutofemail",
            "optedoutofemail",
            "unsubscribed",
            "isunsubscribed",
            "hasunsubscribed",
            "unsubtime",
            "unsubscribedat",
            "unsubscriptiondate",
            "unsubscribedate",
            "unsubscribedon",
            "unsubscribetime",
            "unsubscribeat",
            "dateunsubscribed",
            "optouttime",
            "optoutdate",
            "optoutat",
            "deletedat",
            "isthisaccountdisabled",
            "disabled",
            "isdisabled",
            "canceledat",
            "cancelledat",
            "unsubscribedfromemails",
            "globalunsubscribe",
            "unsubscribedfromallemail",
        ],
        Role::Refusal(LEFT),
    ),
    (
        &[
            "emailblacklisted",
            "isthissubscriberblacklisted",
            "blacklisted",
            "isblacklisted",
            "blocklisted",
            "isblocklisted",
            "emailblocklisted",
            "emailblocked",
            "blocked",
            "isblocked",
            "suppressed",
            "suppressedat",
            "emailsuppressed",
            "blockedat",
        ],
        Role::Refusal(IS_BLOCKED),
    ),
    (
        &[
            "bounced",
            "isbounced",
            "hardbounced",
            "emailbounced",
            "hardbounce",
            "bouncedat",
            "bouncedate",
            "cleaned",
            "cleantime",
            "cleanedat",
            "undeliverable",
            "undeliverabilitydate",
            "undeliverableat",
            "emailhardbounced",
            "invalidemail",
        ],
        Role::Refusal(HAS_BOUNCED),
    ),
    (
        &[
            "complained",
            "complainedat",
            "spammarked",
            "markedasspam",
            "spamcomplaint",
        ],
        Role::Refusal(HAS_COMPLAINED),
    ),
    (
        &["unsubcampaignid", "unsubcampaigntitle"],
        Role::Everybody(LEFT),
    ),
    (
        &["cleancampaignid", "cleancampaigntitle"],
        Role::Everybody(HAS_BOUNCED),
    ),
    (
        &[
            "createdat",
            "creationdate",
            "addedtime",
            "created",
            "dateadded",
            "addedat",
            "entered",
            "createdon",
            "datecreated",
            "added",
            "subscribeddate",
            "joinedat",
            "joined",
        ],
        Role::CreatedAt,
    ),
    (
        &[
            "askedat",
            "optintime",
            "subscribedat",
            "signupdate",
            "signedupat",
            "optindate",
            "optinat",
            "signuptime",
            "submittedat",
            "subscriptiondate",
            "datesubscribed",
            "subscribedon",
            "optedinat",
        ],
        Role::AskedAt,
    ),
    (
        &[
            "askedip",
            "optinip",
            "signupip",
            "ipaddress",
            "ip",
            "subscribedip",
            "subscribeip",
        ],
        Role::AskedIp,
    ),
    (
        &[
            "confirmedat",
            "confirmtime",
            "confirmationdate",
            "confirmdate",
            "confirmationtime",
            "dateconfirmed",
            "confirmedon",
            "verifiedat",
        ],
        Role::ConfirmedAt,
    ),
    (
        &["confirmedip", "confirmip", "confirmationip"],
        Role::ConfirmedIp,
    ),
    (
        &[
            "source",
            "signupsource",
            "subscribesource",
            "optinsource",
            "utmsource",
        ],
        Role::Source,
    ),
    (&["formversion"], Role::FormVersion),
    (
        &["suppressedreason", "suppressionreason", "bouncereason"],
        Role::Reason,
    ),
    (&["pauseduntil"], Role::PausedUntil),
    (&["since"], Role::Since),
];

/// Parts of headers that are about another channel, or only describe a refusal.
const OTHER_CHANNELS: &[&str] = &[
    "sms", "phone", "whatsapp", "push", "reason", "campaign", "count", "number", "list", "tag",
];

/// Returns the role of the column with this header.
///
/// `samples` are the column's values in the first rows: `State` may be part of a postal address
/// and `Type` anything, so that these count only if all their values are known words.
pub(super) fn find_role<'a>(
    header: &str,
    mut samples: impl Iterator<Item = &'a str>,
) -> Option<Role> {
    let folded = fold(header);
    let exact = ROLES
        .iter()
        .find(|(headers, _)| headers.contains(&folded.as_str()));
    if let Some((_, role)) = exact {
        return match *role {
            Role::State(words @ (Words::Kit | Words::Buttondown)) => {
                let mut filled = samples.filter(|value| !value.trim().is_empty()).peekable();
                let is_state = filled.peek().is_some()
                    && filled.any(|value| find_word(value, words).is_some());
                is_state.then_some(*role)
            }
            role => Some(role),
        };
    }
    if OTHER_CHANNELS.iter().any(|part| folded.contains(part)) {
        return None;
    }
    let is_refusal = [
        "unsubscri",
        "optout",
        "optedout",
        "donotemail",
        "donotcontact",
    ]
    .iter()
    .any(|part| folded.contains(part));
    // A heading that only resembles one of the table counts if it is filled in as one.
    let looks_filled = samples.all(|value| {
        value.trim().is_empty()
            || parse_flag(value).is_some()
            || parse_time(value, DateOrder::default()).is_some()
    });
    (is_refusal && looks_filled).then_some(Role::Refusal(LEFT))
}

/// What a row says about the state, weakest first: a no wins over a yes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// They get mail.
    Active,
    /// They have not confirmed.
    Waiting,
    /// They did not agree, or left.
    Declined,
    /// They bounced, complained or were blocked, for this reason.
    Suppressed(&'static str),
    /// They left, as a word or a date says.
    Left,
}

const BOUNCED: &str = "bounced in the other tool";
const COMPLAINED: &str = "complained in the other tool";
const BLOCKED: &str = "blocked in the other tool";

/// Words of states, folded, that mean the same in every tool that uses them.
const WORDS: &[(&[&str], Verdict)] = &[
    (
        &[
            "active",
            "subscribed",
            "enabled",
            "confirmed",
            "regular",
            "optedin",
            "optin",
            "activated",
        ],
        Verdict::Active,
    ),
    (
        &[
            "unsubscribed",
            "unsubscribe",
            "cancelled",
            "canceled",
            "inactive",
            "optedout",
            "optout",
            "removed",
            "disabled",
            "deleted",
            "left",
            "nonsubscribed",
            "notsubscribed",
            "transactional",
            "archived",
            "deactivated",
            "unsub",
            "donotcontact",
        ],
        Verdict::Left,
    ),
    (
        &[
            "bounced",
            "bounce",
            "hardbounced",
            "hardbounce",
            "cleaned",
            "undeliverable",
            "unreachable",
            "invalid",
            "softbounced",
            "hard bounce",
            "undelivered",
        ],
        Verdict::Suppressed(BOUNCED),
    ),
    (
        &[
            "complained",
            "complaint",
            "junk",
            "spam",
            "spamcomplaint",
            "spamcomplained",
            "abuse",
            "markedasspam",
            "reportedspam",
            "reportedasspam",
        ],
        Verdict::Suppressed(COMPLAINED),
    ),
    (
        &[
            "blocklisted",
            "blacklisted",
            "blocked",
            "suppressed",
            "spammy",
            "disposable",
            "banned",
            "denylisted",
        ],
        Verdict::Suppressed(BLOCKED),
    ),
    (
        &[
            "pending",
            "unconfirmed",
            "unactivated",
            "notconfirmed",
            "waiting",
            "unverified",
            "notverified",
            "awaitingconfirmation",
            "pendingconfirmation",
            "notactivated",
            "optinpending",
            "validating",
        ],
        Verdict::Waiting,
    ),
];

/// Buttondown's kinds of subscribers that get mail.
const PAYING: &[&str] = &[
    "premium", "trialed", "unpaid", "gifted", "churning", "paused",
];

fn find_word(text: &str, words: Words) -> Option<Verdict> {
    let word = fold(text);
    if words == Words::Kit && word == "inactive" {
        return Some(Verdict::Waiting);
    }
    if words == Words::Buttondown && PAYING.contains(&word.as_str()) {
        return Some(Verdict::Active);
    }
    WORDS
        .iter()
        .find(|(words, _)| words.contains(&word.as_str()))
        .map(|(_, verdict)| *verdict)
}

/// Parses a yes or no.
fn parse_flag(text: &str) -> Option<bool> {
    match fold(text).as_str() {
        "yes" | "true" | "1" | "y" | "t" | "on" | "x" | "ja" | "oui" | "si" | "sim" | "tak"
        | "да" | "evet" => Some(true),
        "no" | "false" | "0" | "n" | "f" | "off" | "nein" | "non" | "nao" | "nee" | "nej"
        | "nie" | "нет" | "hayir" => Some(false),
        _ => None,
    }
}

/// Returns whether a cell says that there is no value.
pub(super) fn is_blank(text: &str) -> bool {
    matches!(
        fold(text).as_str(),
        "" | "null" | "none" | "na" | "nil" | "never"
    ) || text.trim().starts_with("0000-00-00")
}

/// Returns what the value of one column says, and the time if it is one.
///
/// # Errors
/// Returns [`RowError::UnknownState`] if the value is none that the column may have.
pub(super) fn read_state(
    role: Role,
    header: &str,
    value: &str,
    order: DateOrder,
) -> Result<(Option<Verdict>, Option<Timestamp>), RowError> {
    let unknown = || RowError::UnknownState {
        column: header.trim().to_owned(),
        value: value.trim().chars().take(MAX_QUOTED_CHARS).collect(),
    };
    let at = parse_time(value, order);
    let blank = is_blank(value);
    let verdict = match role {
        Role::State(words) => Some(find_word(value, words).ok_or_else(unknown)?),
        Role::Consent if blank => Some(Verdict::Declined),
        Role::Consent => match parse_flag(value) {
            Some(true) => Some(Verdict::Active),
            Some(false) => Some(Verdict::Declined),
            None if at.is_some() => Some(Verdict::Active),
            None => Some(find_word(value, Words::Common).ok_or_else(unknown)?),
        },
        Role::Confirmed if blank => Some(Verdict::Waiting),
        Role::Confirmed => match parse_flag(value) {
            Some(is_confirmed) if !is_confirmed => Some(Verdict::Waiting),
            Some(_) => Some(Verdict::Active),
            None if looks_like_date(value) => Some(Verdict::Active),
            None => Some(find_word(value, Words::Common).ok_or_else(unknown)?),
        },
        Role::Refusal(_) if blank => None,
        Role::Refusal(refusal) => match parse_flag(value) {
            Some(false) => None,
            Some(true) => Some(refusal),
            None if looks_like_date(value) => Some(refusal),
            None => Some(find_word(value, Words::Common).ok_or_else(unknown)?),
        },
        Role::Everybody(refusal) => Some(refusal),
        _ => None,
    };
    Ok((verdict, at))
}

/// Maximum characters of an unknown value that an error quotes.
const MAX_QUOTED_CHARS: usize = 60;

/// Returns whether a value is a date, even one that can be read in two ways, or a count.
fn looks_like_date(value: &str) -> bool {
    let value = value.trim();
    value.starts_with(|c: char| c.is_ascii_digit())
        && value
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || " :-/.+,".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(header: &str, value: &str) -> Option<Verdict> {
        let role = find_role(header, [value].into_iter()).expect(header);
        read_state(role, header, value, DateOrder::default())
            .expect(value)
            .0
    }

    #[test]
    fn word_means_what_its_tool_means() {
        use Verdict::{Active, Declined, Left, Suppressed, Waiting};
        for (header, value, expected) in [
            ("status", "enabled", Some(Active)),
            ("STATUS", " Active ", Some(Active)),
            ("Status", "UnSubscribed", Some(Left)),
            ("Status", "Inactive", Some(Left)),
            ("state", "inactive", Some(Waiting)),
            ("state", "cancelled", Some(Left)),
            ("state", "complained", Some(Suppressed(COMPLAINED))),
            ("type", "churning", Some(Active)),
            ("type", "unactivated", Some(Waiting)),
            ("type", "spammy", Some(Suppressed(BLOCKED))),
            ("Status", "unreachable", Some(Suppressed(BOUNCED))),
            ("subscribed_to_emails", "false", Some(Declined)),
            ("Accepts Email Marketing", "yes", Some(Active)),
            ("email_disabled", "true", Some(Left)),
            ("email_disabled", "false", None),
            ("UNSUB_TIME", "2020-02-03 04:06:07", Some(Left)),
            ("UNSUB_TIME", "", None),
            (
                "CLEAN_TIME",
                "2020-02-03 04:06:07",
                Some(Suppressed(BOUNCED)),
            ),
            ("EMAIL_BLACKLISTED", "Yes", Some(Suppressed(BLOCKED))),
            ("doNotContact", "0", None),
            ("Do Not Contact", "TRUE", Some(Left)),
            ("Is this subscriber confirmed", "0", Some(Waiting)),
            ("Subscribed", "2024-01-01 10:00:00", Some(Active)),
            ("Opted out of e-mails", "yes", Some(Left)),
            ("deleted_at", "", None),
        ] {
            assert_eq!(verdict(header, value), expected, "{header}: {value}");
        }
    }

    #[test]
    fn column_that_only_resembles_a_state_is_none() {
        for (header, value) in [
            ("active_subscription", "false"),
            ("complimentary_plan", "false"),
            ("SMS_BLACKLISTED", "Yes"),
            ("Accepts SMS Marketing", "no"),
            ("Free Tier", "No"),
            ("Number of bounces", "3"),
            ("Did this subscriber manually confirm", "0"),
            ("Send this subscriber HTML emails", "0"),
            ("UNSUB_REASON", "NORMAL"),
            ("State", "Bavaria"),
            ("Type", "customer"),
        ] {
            assert_eq!(find_role(header, [value].into_iter()), None, "{header}");
        }
    }

    #[test]
    fn unknown_word_is_named() {
        let role = find_role("status", [].into_iter()).unwrap();
        let error = read_state(role, "status", "dormant", DateOrder::default()).unwrap_err();
        assert!(error.to_string().contains("dormant"), "{error}");
    }

    #[test]
    fn no_wins_over_yes() {
        assert!(Verdict::Declined > Verdict::Active);
        assert!(Verdict::Left > Verdict::Suppressed(BOUNCED));
        assert!(Verdict::Suppressed(BOUNCED) > Verdict::Declined);
        assert!(Verdict::Waiting > Verdict::Active);
    }
}
