//! What every page knows about its newsletter.

use jiff::tz::TimeZone;
use serde::{Serialize, Serializer};

use crate::domain::time_zone::time_zone_name;

/// The newsletter as its pages name it.
#[derive(Clone, Debug, Serialize)]
pub struct Site {
    pub name: String,
    /// The headline of the front page; the name stands in for it.
    pub tagline: Option<String>,
    /// Of the newsletter's own words (BCP 47); the pages' words are English.
    pub language: String,
    pub postal_address: Option<String>,
    /// Where readers reach it, without a slash at the end: `https://blog.com/weekly`.
    pub public_url: String,
    /// The path of `public_url`, before every link: `/weekly`, or nothing.
    pub base: String,
    /// The day it comes out ("Friday"), when it comes each week and by itself.
    pub weekday: Option<String>,
    /// In which days and hours are told.
    #[serde(serialize_with = "zone_name")]
    pub zone: TimeZone,
}

fn zone_name<S: Serializer>(zone: &TimeZone, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(time_zone_name(zone))
}
