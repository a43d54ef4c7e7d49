//! Suggestions for common typos in the domain of an email address.

use crate::domain::email_address::EmailAddress;

/// Common typos of large providers' domains, by the domain that was meant.
///
/// An explicit list and not an edit distance: `mail.com` and `gmx.com` differ from other
/// domains by one letter and are valid providers themselves.
const DOMAIN_TYPOS: &[(&str, &[&str])] = &[
    (
        "gmail.com",
        &[
            "gmial.com",
            "gmai.com",
            "gmal.com",
            "gamil.com",
            "gnail.com",
            "gmaill.com",
            "gmail.co",
            "gmail.con",
            "gmail.cm",
            "gmil.com",
        ],
    ),
    (
        "hotmail.com",
        &[
            "hotmial.com",
            "hotmai.com",
            "hotmal.com",
            "hotmil.com",
            "hotmail.co",
            "hotmail.con",
            "homail.com",
        ],
    ),
    (
        "outlook.com",
        &[
            "outlok.com",
            "outloo.com",
            "outook.com",
            "outlook.co",
            "outlook.con",
            "oultook.com",
        ],
    ),
    (
        "yahoo.com",
        &[
            "yaho.com",
            "yahooo.com",
            "yhaoo.com",
            "yahoo.co",
            "yahoo.con",
            "yaoo.com",
        ],
    ),
    (
        "icloud.com",
        &[
            "iclod.com",
            "icoud.com",
            "icluod.com",
            "icloud.co",
            "icloud.con",
        ],
    ),
    ("proton.me", &["protn.me", "proton.mee"]),
    ("gmx.de", &["gmx.dee", "gxm.de"]),
    ("web.de", &["wbe.de", "web.dee"]),
];

/// Returns the address that was probably meant, if the domain is a common typo.
pub fn suggest_address(address: &EmailAddress) -> Option<String> {
    let (domain, _) = DOMAIN_TYPOS
        .iter()
        .find(|(_, typos)| typos.contains(&address.domain()))?;
    Some(format!("{}@{domain}", address.local_part()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suggestion(text: &str) -> Option<String> {
        suggest_address(&EmailAddress::parse(text).unwrap())
    }

    #[test]
    fn suggestion_for_typo_keeps_local_part() {
        assert_eq!(
            suggestion("Ada@gmial.com").as_deref(),
            Some("Ada@gmail.com")
        );
    }

    #[test]
    fn suggestion_for_valid_domain_is_none() {
        for address in [
            "a@gmail.com",
            "a@mail.com",
            "a@gmx.com",
            "a@x.com",
            "a@ymail.com",
        ] {
            assert_eq!(suggestion(address), None, "{address}");
        }
    }

    #[test]
    fn typo_list_contains_no_provider() {
        for (_, typos) in DOMAIN_TYPOS {
            for typo in *typos {
                assert!(DOMAIN_TYPOS.iter().all(|(domain, _)| domain != typo));
            }
        }
    }
}
