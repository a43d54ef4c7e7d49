//! What the style sheet writes in which colour, and on what, can be read.

use std::collections::HashMap;

use crate::domain::accent::Colour;

const STYLE: &str = include_str!("../assets/app.css");
const TEXT: f64 = 5.8;
const BORDER: f64 = 3.8;

/// The tokens by day and by night.
fn themes() -> [HashMap<&'static str, Colour>; 2] {
    let mut roots = STYLE.split(":root {").skip(1).map(|rest| {
        let (root, _) = rest.split_once('}').unwrap();
        let tokens = root.split(';').filter_map(|line| {
            let (name, value) = line.trim().strip_prefix("--")?.split_once(':')?;
            Some((name, Colour::parse(value)?))
        });
        tokens.collect()
    });
    [roots.next().unwrap(), roots.next().unwrap()]
}

#[test]
fn every_ink_stands_out_from_every_ground_it_is_used_on() {
    for theme in themes() {
        let contrast = |ink: &str, ground: &str| theme[ink].contrast(theme[ground]);
        for ground in ["paper", "card"] {
            for ink in ["ink", "muted", "accent", "ok", "warn", "bad"] {
                let found = contrast(ink, ground);
                assert!(found >= TEXT, "{ink} on {ground}: {found}");
            }
            let found = contrast("field", ground);
            assert!(found >= BORDER, "field on {ground}: {found}");
        }
        for (ink, ground) in [
            ("ink", "soft"),
            ("accent", "soft"),
            ("on-accent", "accent"),
            ("on-accent", "bad"),
        ] {
            let found = contrast(ink, ground);
            assert!(found >= TEXT, "{ink} on {ground}: {found}");
        }
    }
}

#[test]
fn what_is_too_quiet_for_a_ground_is_not_used_on_it() {
    // A browser's own placeholder is grey in the dark as well.
    assert!(STYLE.contains("::placeholder { color: var(--muted); opacity: 1; }"));
    for line in STYLE
        .lines()
        .filter(|line| line.contains("background: var(--soft)"))
    {
        let has_its_own = ["color: var(--accent)", "--muted: var(--ink)"];
        assert!(has_its_own.iter().any(|it| line.contains(it)), "{line}");
    }
}
