//! Hints for domains that nobody can have: unknown top-level domains.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::domain::email_address::EmailAddress;
use crate::subscription::domain_typos::suggest_address;

/// The top-level domains of the root zone, one a line, as A-labels. Refreshed by
/// `tests/checks/update_top_level_domains`.
static TOP_LEVEL_DOMAINS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("top_level_domains.txt").lines().collect());

/// Names that are reserved for tests and documentation (RFC 2606 §2): whoever types one means it.
const RESERVED: &[&str] = &["example", "invalid", "localhost", "test"];

/// Common typos of top-level domains, by the one that was meant. None of them exists.
const TYPOS: &[(&str, &[&str])] = &[
    (
        "com",
        &[
            "con", "cmo", "ocm", "vom", "xom", "comm", "coom", "ccom", "clm", "cpm", "cim", "c0m",
        ],
    ),
    ("net", &["ner", "nte", "ent", "nett"]),
    ("org", &["ogr", "orgg", "prg", "rog", "orh", "orf"]),
];

/// A question about an address before it is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressHint {
    /// The address that was probably meant.
    DidYouMean(String),
    /// The top-level domain, which does not exist.
    UnknownEnding(String),
}

/// Returns a hint if the domain is a common typo or cannot exist.
pub fn address_hint(address: &EmailAddress) -> Option<AddressHint> {
    if let Some(suggestion) = suggest_address(address) {
        return Some(AddressHint::DidYouMean(suggestion));
    }
    let (rest, ending) = address.domain().rsplit_once('.')?;
    let ending = ending.to_ascii_lowercase();
    if TOP_LEVEL_DOMAINS.contains(ending.as_str()) || RESERVED.contains(&ending.as_str()) {
        return None;
    }
    let meant = TYPOS
        .iter()
        .find(|(_, typos)| typos.contains(&ending.as_str()));
    Some(match meant {
        Some((meant, _)) => {
            AddressHint::DidYouMean(format!("{}@{rest}.{meant}", address.local_part()))
        }
        None => AddressHint::UnknownEnding(ending),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hint(text: &str) -> Option<AddressHint> {
        address_hint(&EmailAddress::parse(text).unwrap())
    }

    #[test]
    fn hint_for_misspelled_ending_suggests_the_ending() {
        for (typed, meant) in [
            ("ada@example.con", "ada@example.com"),
            ("ada@gmail.cmo", "ada@gmail.com"),
            ("Ada@sub.example.ogr", "Ada@sub.example.org"),
            ("ada@example.nte", "ada@example.net"),
            ("ada@gmial.com", "ada@gmail.com"),
        ] {
            assert_eq!(
                hint(typed),
                Some(AddressHint::DidYouMean(meant.to_owned())),
                "{typed}"
            );
        }
    }

    #[test]
    fn hint_for_unknown_ending_names_it() {
        for ending in ["qqq", "blogg", "xn--unknown-9ya"] {
            let address = format!("ada@example.{ending}");
            assert_eq!(
                hint(&address),
                Some(AddressHint::UnknownEnding(ending.to_owned())),
                "{address}"
            );
        }
    }

    #[test]
    fn hint_for_existing_ending_is_none() {
        for address in [
            "ada@example.museum",
            "ada@example.app",
            "ada@xn--e1afmkfd.xn--p1ai",
            "ada@пример.рф",
            "ada@example.co.uk",
            "ada@example.om",
            "ada@news.example",
        ] {
            assert_eq!(hint(address), None, "{address}");
        }
    }

    #[test]
    fn typo_of_an_ending_is_no_ending() {
        for typo in TYPOS.iter().flat_map(|(_, typos)| *typos) {
            assert!(!TOP_LEVEL_DOMAINS.contains(typo), "{typo}");
        }
    }
}
