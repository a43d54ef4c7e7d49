//! Contrast of the colors in the style sheet.

use std::collections::HashMap;

use crate::domain::accent::Colour;

/// The style sheet.
const STYLE: &str = include_str!("../assets/app.css");
/// Minimum contrast of text. WCAG 2.2 AA requires 4.5.
const MIN_TEXT_CONTRAST: f64 = 5.8;
/// Minimum contrast of borders of fields. WCAG 2.2 AA requires 3.
const MIN_BORDER_CONTRAST: f64 = 3.8;

/// Returns the color tokens of light and dark mode.
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
fn text_colors_have_minimum_contrast() {
    for theme in themes() {
        let contrast = |text: &str, background: &str| theme[text].contrast(theme[background]);
        for background in ["paper", "card"] {
            for text in ["ink", "muted", "accent", "ok", "warn", "bad"] {
                let found = contrast(text, background);
                assert!(
                    found >= MIN_TEXT_CONTRAST,
                    "{text} on {background}: {found}"
                );
            }
            let found = contrast("field", background);
            assert!(
                found >= MIN_BORDER_CONTRAST,
                "field on {background}: {found}"
            );
        }
        for (text, background) in [
            ("ink", "soft"),
            ("accent", "soft"),
            ("on-accent", "accent"),
            ("on-accent", "bad"),
        ] {
            let found = contrast(text, background);
            assert!(
                found >= MIN_TEXT_CONTRAST,
                "{text} on {background}: {found}"
            );
        }
    }
}

#[test]
fn muted_text_is_not_used_on_soft_background() {
    // The default placeholder color of browsers is gray in dark mode, too.
    assert!(STYLE.contains("::placeholder { color: var(--muted); opacity: 1; }"));
    for line in STYLE
        .lines()
        .filter(|line| line.contains("background: var(--soft)"))
    {
        let own_colors = ["color: var(--accent)", "--muted: var(--ink)"];
        assert!(own_colors.iter().any(|it| line.contains(it)), "{line}");
    }
}
