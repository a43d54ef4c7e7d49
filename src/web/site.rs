//! What every page knows about its newsletter.

use chrono_tz::Tz;
use serde::{Serialize, Serializer};
use url::Url;

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
    /// The day it comes out ("Friday"), when it is always the same one.
    pub weekday: Option<String>,
    /// In which days and hours are told.
    #[serde(serialize_with = "zone_name")]
    pub zone: Tz,
}

fn zone_name<S: Serializer>(zone: &Tz, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(zone.name())
}

/// What stands before every link: the path of `public_url` without a slash at its end.
pub fn base_path(public_url: &Url) -> String {
    public_url.path().trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_never_ends_with_a_slash() {
        for (url, base) in [
            ("https://example.com", ""),
            ("https://example.com/", ""),
            ("https://example.com/weekly", "/weekly"),
            ("https://example.com/a/weekly/", "/a/weekly"),
        ] {
            assert_eq!(base_path(&Url::parse(url).unwrap()), base);
        }
    }
}
