//! The sections of the settings, one row per key. `smtp` is in [`smtp`](crate::config::smtp).

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use toml::Value;
use url::Url;

use crate::config::keys::Key;
use crate::config::reader::{ConfigReader, ReadResult};
use crate::config::section::{Section, section};
use crate::config::values::{
    any, boolean, days, domain, feed_url, hours, language, lines, list, milliseconds, number,
    one_line, path, per_hour, socket_address, text, word,
};
use crate::domain::accent::Accent;
use crate::domain::database_url::DatabaseUrl;
use crate::domain::dkim_selector::Selector;
use crate::domain::email_address::EmailAddress;
use crate::domain::host_port::HostPort;
use crate::domain::issue::post::PostOrder;
use crate::domain::issue::schedule::{self, ScheduleError};
use crate::domain::mailbox::Mailbox;
use crate::domain::public_url::PublicUrl;
use crate::domain::trusted_proxies::TrustedProxies;

section! {
    /// Name, sender and appearance of the newsletter.
    pub struct Newsletter {
        /// Name of the newsletter. Required before sending.
        name: Option<String> = optional("newsletter.name", text(one_line)).editable();
        /// One sentence below the name.
        tagline: Option<String> = optional("newsletter.tagline", text(one_line)).editable();
        /// Sender of all mail. Required before sending.
        from: Option<Mailbox> = optional("newsletter.from", text(Mailbox::parse)).editable();
        /// Address for replies, if it is not the sender's.
        reply_to: Option<EmailAddress> =
            optional("newsletter.reply_to", text(EmailAddress::parse)).editable();
        /// Postal address in the footer; may have several lines. Required before sending.
        postal_address: Option<String> =
            optional("newsletter.postal_address", text(lines)).editable();
        /// A language tag (RFC 5646) such as `en` or `pt-BR`.
        language: String = required("newsletter.language", text(language)).editable();
        /// Color of links and buttons.
        accent: Accent = or_default("newsletter.accent", text(Accent::parse)).editable();
    }
}

section! {
    /// The HTTP server.
    pub struct Server {
        /// Address and port on which the server listens.
        listen: SocketAddr = required("server.listen", text(socket_address));
        /// Address under which subscribers reach the server.
        public_url: PublicUrl = required("server.public_url", text(PublicUrl::parse)).editable();
        /// Reverse proxies whose `X-Forwarded-For` header is trusted. Default: loopback, which only
        /// local processes can reach.
        trusted_proxies: TrustedProxies = or_default("server.trusted_proxies", trusted_proxies);
    }
}

fn trusted_proxies(value: &Value) -> Result<TrustedProxies, String> {
    let networks = list(text(any))(value)?;
    TrustedProxies::parse(networks.iter().map(String::as_str)).map_err(|error| error.to_string())
}

section! {
    /// The database.
    pub struct Database {
        /// Where the database is.
        url: DatabaseUrl = required("database.url", text(DatabaseUrl::parse)).secret();
    }
}

section! {
    /// The blog's feeds.
    pub struct Feeds {
        /// Feeds in addition to those added by command or in the admin UI.
        urls: Vec<Url> = or_default("feeds.urls", list(text(feed_url)));
        /// Hosts with private addresses from which feeds may be fetched.
        allow_private: Vec<HostPort> =
            or_default("feeds.allow_private", list(text(HostPort::parse)));
    }
}

section! {
    /// Which posts an issue contains.
    pub struct Digest {
        /// Maximum number of posts in an issue.
        max_posts: u16 = required("digest.max_posts", number(1..=100)).editable();
        /// No issue is created with fewer new posts than this.
        min_posts: u16 = required("digest.min_posts", number(1..=100)).editable();
        /// Maximum age of a post.
        max_age: Duration = required("digest.max_age_days", days(1..=366)).editable();
        /// Order of the posts, which also decides which posts are included.
        order: PostOrder = required("digest.order", text(word)).editable();
        /// Whether links of an issue go through this server, which counts clicks per post.
        count_clicks: bool = required("digest.count_clicks", boolean).editable();
    }
    check check_post_limits(max_posts, min_posts)
}

fn check_post_limits(
    reader: &mut ConfigReader,
    max_posts: &u16,
    min_posts: &u16,
) -> ReadResult<()> {
    if min_posts <= max_posts {
        return Ok(());
    }
    let message = format!("{min_posts} is more than digest.max_posts, {max_posts}");
    Err(reader.invalid("digest.min_posts", message))
}

section! {
    struct ScheduleTable {
        cron: String = required("schedule.cron", text(any)).editable();
        timezone: String = required("schedule.timezone", text(any)).editable();
        catch_up: Duration = required("schedule.catch_up_hours", hours(1..=168)).editable();
        enabled: bool = required("schedule.enabled", boolean).editable();
    }
    check parse_plan(cron, timezone)
}

fn parse_plan(
    reader: &mut ConfigReader,
    cron: &str,
    timezone: &str,
) -> ReadResult<schedule::Schedule> {
    schedule::Schedule::parse(cron, timezone).map_err(|error| match error {
        ScheduleError::Zone(_) => reader.invalid("schedule.timezone", error),
        _ => reader.invalid("schedule.cron", error),
    })
}

/// When issues are created and sent.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Cron expression and time zone.
    pub plan: schedule::Schedule,
    /// How long after its time a missed issue is still created.
    pub catch_up: Duration,
    /// Whether issues are created automatically. Delivery continues when false.
    pub enabled: bool,
}

impl Section for Schedule {
    const KEYS: &'static [Key] = ScheduleTable::KEYS;

    fn read(reader: &mut ConfigReader) -> ReadResult<Self> {
        let table = ScheduleTable::read(reader)?;
        Ok(Self {
            plan: parse_plan(reader, &table.cron, &table.timezone)?,
            catch_up: table.catch_up,
            enabled: table.enabled,
        })
    }
}

section! {
    struct DkimTable {
        domain: Option<String> = optional("dkim.domain", text(domain));
        keys: Vec<DkimKey> = or_default("dkim.keys", list(dkim_key));
    }
}

/// DKIM signatures.
#[derive(Clone, Debug)]
pub struct Dkim {
    /// Domain in the signatures (tag `d=`).
    pub domain: String,
    /// At least one key; all of them sign.
    pub keys: Vec<DkimKey>,
}

/// A DKIM key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DkimKey {
    /// Name of the DNS record (tag `s=`).
    pub selector: Selector,
    /// PEM file with the private key.
    pub file: PathBuf,
}

/// `None` if mail is not signed.
impl Section for Option<Dkim> {
    const KEYS: &'static [Key] = DkimTable::KEYS;

    fn read(reader: &mut ConfigReader) -> ReadResult<Self> {
        let DkimTable { domain, keys } = DkimTable::read(reader)?;
        match (domain, keys.is_empty()) {
            (None, true) => Ok(None),
            (None, false) => Err(reader.invalid(
                "dkim.keys",
                "dkim.domain is missing; set it to the domain of newsletter.from",
            )),
            (Some(_), true) => Err(reader.invalid(
                "dkim.domain",
                "dkim.keys is missing; expected [{ selector = \"…\", file = \"…\" }]",
            )),
            (Some(domain), false) => Ok(Some(Dkim { domain, keys })),
        }
    }
}

fn dkim_key(value: &Value) -> Result<DkimKey, String> {
    const EXPECTED: &str = "expected { selector = \"broadsheet\", file = \"data/dkim.pem\" }";
    let table = value.as_table().ok_or(EXPECTED)?;
    let mut keys = table.keys().map(String::as_str);
    if let Some(unknown) = keys.find(|key| !matches!(*key, "selector" | "file")) {
        return Err(format!("unknown key '{unknown}'; {EXPECTED}"));
    }
    let field = |name| {
        let value = table.get(name).and_then(Value::as_str);
        value.filter(|text| !text.is_empty()).ok_or(EXPECTED)
    };
    let (selector, file) = (field("selector")?, field("file")?);
    Ok(DkimKey {
        selector: Selector::parse(selector).map_err(|error| error.to_string())?,
        file: file.into(),
    })
}

section! {
    /// Mail without an SMTP server.
    pub struct Mail {
        /// Directory for messages while `smtp.url` is not set.
        outbox: PathBuf = required("mail.outbox", text(path));
    }
}

section! {
    /// Custom email templates.
    pub struct Templates {
        /// Directory with templates that override the built-in ones.
        dir: Option<PathBuf> = optional("templates.dir", text(path));
    }
}

section! {
    /// Protection against automated sign-ups.
    pub struct Limits {
        /// Maximum sign-ups from one IP address per hour.
        signups_per_ip_hour: NonZeroU32 =
            required("limits.signups_per_ip_hour", per_hour).editable();
        /// Maximum sign-ups with addresses of one domain per hour.
        signups_per_domain_hour: NonZeroU32 =
            required("limits.signups_per_domain_hour", per_hour).editable();
        /// Maximum sign-ups with one API token per hour.
        signups_per_token_hour: NonZeroU32 =
            required("limits.signups_per_token_hour", per_hour).editable();
        /// A form that was filled in faster than this asks for one more click.
        minimum_fill: Duration =
            required("limits.minimum_fill_ms", milliseconds(0..=600_000)).editable();
    }
}

section! {
    /// Secrets.
    pub struct Secrets {
        /// File with the key that signs links.
        key_file: PathBuf = required("secrets.key_file", text(path));
    }
}

section! {
    /// Notifications of the operator by email.
    pub struct Alerts {
        /// Addresses that are notified.
        to: Vec<EmailAddress> = or_default("alerts.to", list(text(EmailAddress::parse))).editable();
        /// How long before its slot the notification about a draft is sent; zero turns it off.
        draft_before: Duration = required("alerts.draft_hours_before", hours(0..=144)).editable();
    }
}
