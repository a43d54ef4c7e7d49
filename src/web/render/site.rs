//! The newsletter as pages show it.

use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use crate::domain::time_zone::time_zone_name;

/// The newsletter as pages show it. Each template can use it as `site`.
#[derive(Clone, Debug, Serialize)]
pub struct Site {
    /// Name of the newsletter.
    pub name: String,
    /// Headline of the home page; `None` shows the name.
    pub tagline: Option<String>,
    /// Language of the newsletter's own text (BCP 47). The text of the pages is English.
    pub language: String,
    /// Postal address of the sender.
    pub postal_address: Option<String>,
    /// Public URL without a trailing slash: `https://blog.com/weekly`.
    pub public_url: String,
    /// Path of `public_url`, the prefix of each link: `/weekly`, or empty.
    pub base: String,
    /// Day of publication, such as `Friday`, if issues are sent weekly and automatically.
    pub weekday: Option<String>,
    /// Time zone of the dates shown.
    #[serde(serialize_with = "zone_name")]
    pub zone: TimeZone,
}

fn zone_name<S: Serializer>(zone: &TimeZone, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(time_zone_name(zone))
}
