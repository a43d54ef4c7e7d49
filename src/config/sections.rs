//! The sections of the settings, typed.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use crate::config::database_url::DatabaseUrl;
use crate::config::reader::{ConfigReader, ReadResult, flag, number, text};
use crate::config::values::{
    dkim_key, domain, feed_url, hours, language, lines, one_line, path, plain, post_order, socket,
};
use crate::domain::accent::Accent;
use crate::domain::dkim_selector::Selector;
use crate::domain::email_address::EmailAddress;
use crate::domain::host_port::HostPort;
use crate::domain::issue::schedule::{self, ScheduleError};
use crate::domain::mailbox::Mailbox;
use crate::domain::public_url::PublicUrl;
use crate::domain::trusted_proxies::TrustedProxies;

#[derive(Clone, Debug)]
pub struct Newsletter {
    pub name: Option<String>,
    pub tagline: Option<String>,
    pub from: Option<Mailbox>,
    pub reply_to: Option<EmailAddress>,
    /// May have several lines.
    pub postal_address: Option<String>,
    /// A language tag (RFC 5646) such as `en` or `pt-BR`.
    pub language: String,
    /// The colour of links and buttons.
    pub accent: Accent,
}

impl Newsletter {
    pub(super) fn read(reader: &mut ConfigReader) -> ReadResult<Self> {
        let name = reader.optional("newsletter.name", text(one_line));
        let tagline = reader.optional("newsletter.tagline", text(one_line));
        let from = reader.optional("newsletter.from", text(Mailbox::parse));
        let reply_to = reader.optional("newsletter.reply_to", text(EmailAddress::parse));
        let postal_address = reader.optional("newsletter.postal_address", text(lines));
        let language = reader.needed("newsletter.language", text(language));
        let accent = reader.optional("newsletter.accent", text(Accent::parse));
        Ok(Self {
            name: name?,
            tagline: tagline?,
            from: from?,
            reply_to: reply_to?,
            postal_address: postal_address?,
            language: language?,
            accent: accent?.unwrap_or_default(),
        })
    }
}

#[derive(Clone, Debug)]
pub struct Server {
    pub listen: SocketAddr,
    pub public_url: PublicUrl,
    pub trusted_proxies: TrustedProxies,
}

impl Server {
    pub(super) fn read(reader: &mut ConfigReader) -> ReadResult<Self> {
        let listen = reader.needed("server.listen", text(socket));
        let public_url = reader.needed("server.public_url", text(PublicUrl::parse));
        let proxies = reader.list(
            "server.trusted_proxies",
            text(|text| TrustedProxies::parse([text]).map(|_| text.to_owned())),
        );
        let trusted_proxies = TrustedProxies::parse(proxies?.iter().map(String::as_str))
            .map_err(|error| reader.fault("server.trusted_proxies", error));
        Ok(Self {
            listen: listen?,
            public_url: public_url?,
            trusted_proxies: trusted_proxies?,
        })
    }
}

#[derive(Clone, Debug)]
pub struct Database {
    pub url: DatabaseUrl,
}

impl Database {
    pub(super) fn read(reader: &mut ConfigReader) -> ReadResult<Self> {
        Ok(Self {
            url: reader.needed("database.url", text(DatabaseUrl::parse))?,
        })
    }
}

#[derive(Clone, Debug)]
pub struct Feeds {
    pub urls: Vec<Url>,
    /// Services on private addresses that may be fetched all the same.
    pub allow_private: Vec<HostPort>,
}

impl Feeds {
    pub(super) fn read(reader: &mut ConfigReader) -> ReadResult<Self> {
        let urls = reader.list("feeds.urls", text(feed_url));
        let allow_private = reader.list("feeds.allow_private", text(HostPort::parse));
        Ok(Self {
            urls: urls?,
            allow_private: allow_private?,
        })
    }
}

/// Which posts come first, and so into the issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostOrder {
    Newest,
    Hottest,
}

#[derive(Clone, Debug)]
pub struct Digest {
    pub max_posts: u16,
    pub min_posts: u16,
    pub max_age: Duration,
    pub order: PostOrder,
    /// Links in issues lead past this server, which counts them per post.
    pub count_clicks: bool,
}

impl Digest {
    pub(super) fn read(reader: &mut ConfigReader) -> ReadResult<Self> {
        let max_posts = reader.needed("digest.max_posts", number(1..=100));
        let min_posts = reader.needed("digest.min_posts", number(1..=100));
        let max_age = reader.needed("digest.max_age_days", number(1..=366));
        let order = reader.needed("digest.order", text(post_order));
        let count_clicks = reader.needed("digest.count_clicks", flag);
        let (max_posts, min_posts) = (max_posts?, min_posts?);
        if min_posts > max_posts {
            let says = format!("{min_posts} is more than digest.max_posts, {max_posts}");
            return Err(reader.fault("digest.min_posts", says));
        }
        Ok(Self {
            max_posts,
            min_posts,
            max_age: hours(24 * max_age?),
            order: order?,
            count_clicks: count_clicks?,
        })
    }
}

#[derive(Clone, Debug)]
pub struct Schedule {
    pub plan: schedule::Schedule,
    pub catch_up: Duration,
    /// False stops slots, not delivery.
    pub enabled: bool,
}

impl Schedule {
    pub(super) fn read(reader: &mut ConfigReader) -> ReadResult<Self> {
        let cron = reader.needed("schedule.cron", text(plain));
        let timezone = reader.needed("schedule.timezone", text(plain));
        let catch_up = reader.needed("schedule.catch_up_hours", number(1..=168));
        let enabled = reader.needed("schedule.enabled", flag);
        let plan = schedule::Schedule::parse(&cron?, &timezone?).map_err(|error| match error {
            ScheduleError::Zone(_) => reader.fault("schedule.timezone", error),
            _ => reader.fault("schedule.cron", error),
        });
        Ok(Self {
            plan: plan?,
            catch_up: hours(catch_up?),
            enabled: enabled?,
        })
    }
}

#[derive(Clone, Debug)]
pub struct Dkim {
    pub domain: String,
    /// At least one.
    pub keys: Vec<DkimKey>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DkimKey {
    pub selector: Selector,
    pub file: PathBuf,
}

impl Dkim {
    /// None when mail is not signed.
    pub(super) fn read(reader: &mut ConfigReader) -> ReadResult<Option<Self>> {
        let domain = reader.optional("dkim.domain", text(domain));
        let keys = reader.list("dkim.keys", dkim_key);
        match (domain?, keys?) {
            (None, keys) if keys.is_empty() => Ok(None),
            (None, _) => Err(reader.fault(
                "dkim.keys",
                "dkim.domain is missing; set it to the domain of newsletter.from",
            )),
            (Some(_), keys) if keys.is_empty() => Err(reader.fault(
                "dkim.domain",
                "dkim.keys is missing; expected [{ selector = \"…\", file = \"…\" }]",
            )),
            (Some(domain), keys) => Ok(Some(Self { domain, keys })),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Mail {
    pub outbox: PathBuf,
}

impl Mail {
    pub(super) fn read(reader: &mut ConfigReader) -> ReadResult<Self> {
        Ok(Self {
            outbox: reader.needed("mail.outbox", text(path))?,
        })
    }
}

#[derive(Clone, Debug)]
pub struct Templates {
    /// Overrides the built-in mail templates.
    pub dir: Option<PathBuf>,
}

impl Templates {
    pub(super) fn read(reader: &mut ConfigReader) -> ReadResult<Self> {
        Ok(Self {
            dir: reader.optional("templates.dir", text(path))?,
        })
    }
}

#[derive(Clone, Debug)]
pub struct Limits {
    pub signups_per_ip_hour: NonZeroU32,
    pub signups_per_domain_hour: NonZeroU32,
    pub signups_per_token_hour: NonZeroU32,
    /// A form filled in faster than this is asked for once more.
    pub minimum_fill: Duration,
}

impl Limits {
    pub(super) fn read(reader: &mut ConfigReader) -> ReadResult<Self> {
        let per_ip = reader.needed("limits.signups_per_ip_hour", number(1..=1_000_000));
        let per_domain = reader.needed("limits.signups_per_domain_hour", number(1..=1_000_000));
        let per_token = reader.needed("limits.signups_per_token_hour", number(1..=1_000_000));
        let fill = reader.needed("limits.minimum_fill_ms", number(0..=600_000));
        // The range has no zero; the type need not take our word for it.
        let not_zero = |number: u32| NonZeroU32::MIN.saturating_add(number.saturating_sub(1));
        Ok(Self {
            signups_per_ip_hour: not_zero(per_ip?),
            signups_per_domain_hour: not_zero(per_domain?),
            signups_per_token_hour: not_zero(per_token?),
            minimum_fill: Duration::from_millis(fill?),
        })
    }
}

#[derive(Clone, Debug)]
pub struct Secrets {
    pub key_file: PathBuf,
}

impl Secrets {
    pub(super) fn read(reader: &mut ConfigReader) -> ReadResult<Self> {
        Ok(Self {
            key_file: reader.needed("secrets.key_file", text(path))?,
        })
    }
}

#[derive(Clone, Debug)]
pub struct Alerts {
    pub to: Vec<EmailAddress>,
    /// How long before its slot a draft is told of; zero: not at all.
    pub draft_before: Duration,
}

impl Alerts {
    pub(super) fn read(reader: &mut ConfigReader) -> ReadResult<Self> {
        let to = reader.list("alerts.to", text(EmailAddress::parse));
        let before = reader.needed("alerts.draft_hours_before", number(0..=144));
        Ok(Self {
            to: to?,
            draft_before: hours(before?),
        })
    }
}
