//! Checks of every page in every state, as rendered.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::domain::accent::Accent;
use crate::domain::time_zone::find_time_zone;
use crate::web::Site;
use crate::web::assets::Assets;
use crate::web::render::{Pages, sources};
use crate::web::tests::samples::{Fill, HOSTILE, every_page};

fn site(fill: Fill) -> Site {
    Site {
        name: if fill == Fill::Empty {
            "Weekly".to_owned()
        } else {
            fill.text("Example Lab")
        },
        tagline: fill.maybe("The hottest research right in your inbox"),
        language: "en".to_owned(),
        postal_address: fill.maybe("1 Example Street, Exampleton"),
        public_url: "https://example.com/weekly".to_owned(),
        base: "/weekly".to_owned(),
        weekday: fill.some("Friday".to_owned()),
        zone: find_time_zone("Europe/Berlin").unwrap(),
    }
}

/// Returns name, template and text of each page.
fn render_all(fill: Fill) -> Vec<(String, &'static str, String)> {
    let pages = Pages::new(&site(fill), &Assets::load(Accent::default())).unwrap();
    every_page(&pages, fill)
        .into_iter()
        .map(|(name, template, text)| {
            let text =
                text.unwrap_or_else(|error| panic!("{name}, {fill:?}: {}", with_sources(&error)));
            (name, template, text)
        })
        .collect()
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |source| source.source());
    sources.fold(error.to_string(), |text, source| {
        format!("{text}\n{source}")
    })
}

/// Runs `check` on name and text of each page.
fn for_each_page(check: impl Fn(&str, &str)) {
    for fill in [Fill::Full, Fill::Empty, Fill::Hostile] {
        for (name, _, text) in render_all(fill) {
            check(&format!("{name}, {fill:?}"), &text);
        }
    }
}

#[test]
fn every_template_has_a_sample() {
    let rendered: BTreeSet<_> = render_all(Fill::Full)
        .into_iter()
        .map(|(_, template, _)| template.to_owned())
        .collect();
    let is_part = |name: &str| name.starts_with("parts/") || !name.contains('/');
    let templates: BTreeSet<_> = sources()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| !is_part(name))
        .collect();
    assert_eq!(rendered, templates);
}

/// Writes all pages to the folder `TESTED_PAGES` for the checks of `tests/browser`, which reach
/// each page by navigation but not each of its states.
#[test]
fn pages_are_written_for_browser_checks() {
    let Some(folder) = std::env::var_os("TESTED_PAGES").map(PathBuf::from) else {
        return; // Set by tests/run.
    };
    for fill in [Fill::Full, Fill::Empty, Fill::Hostile] {
        let folder = folder.join(format!("{fill:?}"));
        std::fs::create_dir_all(&folder).unwrap();
        for (name, template, text) in render_all(fill) {
            if template.ends_with(".html") && text.starts_with("<!DOCTYPE") {
                std::fs::write(folder.join(format!("{name}.html")), text).unwrap();
            }
        }
    }
}

#[test]
fn text_in_pages_is_escaped() {
    let escaped = HOSTILE
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;");
    for (name, template, text) in render_all(Fill::Hostile) {
        assert!(
            text.contains(&escaped),
            "{name}: the newsletter's name is not escaped"
        );
        for never in ["<script>", "<img", "alert(1)<", "\"><img", "onerror='"] {
            assert!(!text.contains(never), "{name}: {never}");
        }
        let scripts = text.matches("<script").count();
        let allowed = usize::from(template.starts_with("admin/"));
        assert_eq!(scripts, allowed, "{name}: scripts");
    }
}

#[test]
fn links_and_forms_stay_below_base_path() {
    for_each_page(|name, text| {
        for attribute in [" href=\"", " action=\"", " src=\""] {
            for value in text
                .split(attribute)
                .skip(1)
                .map(|rest| rest.split('"').next().unwrap())
            {
                let is_internal =
                    value.starts_with("/weekly/") || value == "/weekly" || value.starts_with('#');
                let is_external = value.starts_with("https://") || value.starts_with("mailto:");
                assert!(is_internal || is_external, "{name}:{attribute}{value}");
            }
        }
    });
}

#[test]
fn pages_match_content_security_policy() {
    for_each_page(|name, text| {
        let markup = text.replace("&quot;", "").replace("onerror=&#39;", "");
        for never in [
            " style=\"",
            "<style",
            "onclick=",
            "javascript:",
            "http-equiv",
        ] {
            assert!(!markup.contains(never), "{name}: {never}");
        }
    });
}

#[test]
fn templates_do_not_disable_escaping() {
    for (name, text) in sources() {
        assert!(
            !text.contains("| safe") && !text.contains("|safe"),
            "{name}"
        );
        assert!(
            name.ends_with(".html") || name.ends_with(".xml"),
            "{name} is not autoescaped"
        );
    }
}

#[test]
fn page_with_invalid_field_has_error_title_and_focus() {
    for_each_page(|name, text| {
        if text.contains("aria-invalid=\"true\"") {
            assert!(text.contains("<title>Error: "), "{name}");
            assert!(text.contains("autofocus"), "{name}");
        }
    });
}

#[test]
fn rejected_form_has_error_title_and_keeps_values() {
    for (name, _, text) in render_all(Fill::Full)
        .iter()
        .filter(|(name, ..)| name.starts_with("home-") && name.len() > 10)
    {
        assert!(text.contains("<title>Error: "), "{name}");
        assert!(text.contains("value=\"ada@example\""), "{name}");
        assert!(
            text.contains("autofocus") && text.contains("aria-invalid=\"true\""),
            "{name}"
        );
    }
}

#[test]
fn audit_actions_have_distinct_text() {
    let mut texts = BTreeSet::new();
    for (name, _, text) in render_all(Fill::Full) {
        if name.starts_with("audit-") && name != "audit-empty" {
            let row = text.split("<tbody>").nth(1).unwrap();
            let text = row.split("<td class=\"wide\">").nth(2).unwrap();
            assert!(!text.starts_with("</td>"), "{name} has no text");
            assert!(texts.insert(text.to_owned()), "{name}: duplicate text");
        }
    }
    assert!(!texts.is_empty());
}

#[test]
fn feed_is_valid_atom_for_any_text() {
    for (fill, entries) in [(Fill::Full, 2), (Fill::Empty, 0), (Fill::Hostile, 2)] {
        let all = render_all(fill);
        let (_, _, text) = all.iter().find(|(name, ..)| name == "issues-feed").unwrap();
        let feed = feed_rs::parser::parse(text.as_bytes()).unwrap();
        assert_eq!(feed.entries.len(), entries);
        assert_eq!(feed.id, "https://example.com/weekly/issues");
    }
}

#[test]
fn embed_snippet_is_shown_escaped_and_rendered() {
    let all = render_all(Fill::Full);
    let (_, _, text) = all.iter().find(|(name, ..)| name == "embed").unwrap();
    let snippet = "<form method=\"post\" action=\"https://example.com/weekly/subscribe\">";
    assert!(text.contains(snippet));
    assert!(
        text.contains(
            &snippet
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
        )
    );
}
