//! Slips in the domains that most people have.

use crate::domain::email_address::EmailAddress;

/// A list and no measure of distance: `mail.com` and `gmx.com` are one letter from
/// others and nobody's mistake.
const SLIPS: &[(&str, &[&str])] = &[
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

/// The address that was probably meant, if this one has a common slip.
pub fn suggestion(address: &EmailAddress) -> Option<String> {
    let (meant, _) = SLIPS
        .iter()
        .find(|(_, slips)| slips.contains(&address.domain()))?;
    Some(format!("{}@{meant}", address.local_part()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_at_slips_and_leaves_the_rest_alone() {
        let hint = |text: &str| suggestion(&EmailAddress::parse(text).unwrap());
        assert_eq!(hint("Ada@gmial.com").as_deref(), Some("Ada@gmail.com"));
        for fine in [
            "a@gmail.com",
            "a@mail.com",
            "a@gmx.com",
            "a@x.com",
            "a@ymail.com",
        ] {
            assert_eq!(hint(fine), None, "{fine}");
        }
    }

    #[test]
    fn no_slip_is_a_provider() {
        for (_, slips) in SLIPS {
            assert!(
                slips
                    .iter()
                    .all(|slip| SLIPS.iter().all(|(meant, _)| meant != slip))
            );
        }
    }
}
