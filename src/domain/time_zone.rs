//! Time zones by IANA name.
//!
//! The rules come from the operating system's time-zone data (`TZDIR` or
//! `/usr/share/zoneinfo`), so that an update of that package is enough when a country
//! changes its clocks. A copy in the binary is used for names that the system lacks.

use std::collections::BTreeSet;

use jiff::tz::{self, TimeZone, TimeZoneDatabase};

/// Regions of zones that have a newer name, like `US/Eastern` for `America/New_York`.
const OLD_REGIONS: [&str; 7] = [
    "Etc/", "SystemV/", "US/", "Brazil/", "Canada/", "Chile/", "Mexico/",
];

/// Returns the time zone of an IANA name like `Europe/Berlin`, or `None` if it is unknown.
///
/// Names are case-sensitive. Other files of the system's folder, like `localtime` and
/// `posix/…`, begin with a lower-case letter and are not accepted.
pub fn find_time_zone(name: &str) -> Option<TimeZone> {
    if !name.starts_with(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    [tz::db(), &TimeZoneDatabase::bundled()]
        .into_iter()
        .filter_map(|database| database.get(name).ok())
        .find(|zone| zone.iana_name() == Some(name))
}

/// Returns the IANA name of `zone`.
pub fn time_zone_name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

/// Returns the names to choose from: `UTC`, then every `Region/City` in order.
pub fn time_zone_names() -> Vec<String> {
    let is_city = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.contains('/')
            && !OLD_REGIONS.iter().any(|region| name.starts_with(region))
    };
    let bundled = TimeZoneDatabase::bundled();
    let names = tz::db().available().chain(bundled.available());
    let cities: BTreeSet<String> = names
        .map(|name| name.as_str().to_owned())
        .filter(|name| is_city(name))
        .collect();
    std::iter::once("UTC".to_owned()).chain(cities).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn find_time_zone_returns_zone_of_the_exact_name() {
        for name in ["UTC", "Europe/Berlin", "America/New_York", "US/Eastern"] {
            let zone = find_time_zone(name).unwrap();
            assert_eq!(time_zone_name(&zone), name);
        }
        for name in [
            "",
            "Berlin",
            "europe/berlin",
            "utc",
            "localtime",
            "posix/Europe/Berlin",
            "Mars/Olympus",
            "../../etc/passwd",
        ] {
            assert!(find_time_zone(name).is_none(), "{name}");
        }
    }

    #[test]
    fn time_zone_names_are_utc_and_cities_that_are_found() {
        let names = time_zone_names();

        assert_eq!(names[0], "UTC");
        assert!(names.iter().any(|name| name == "America/Vancouver"));
        for name in names {
            assert!(find_time_zone(&name).is_some(), "{name}");
        }
    }
}
