//! Samples of every page in every state, with three kinds of content.

mod admin;
mod admin_accounts;
mod admin_lists;
mod admin_settings;
mod admin_tokens;
mod draft;
mod public;
mod subscribers;

use crate::domain::clock::Timestamp;
use crate::web::render::{PageError, Pages, View};

/// Content of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    /// Usual values.
    Full,
    /// No optional values.
    Empty,
    /// Text with markup, right-to-left characters and long words.
    Hostile,
}

/// Text of [`Fill::Hostile`].
pub const HOSTILE: &str = "{{7*7}}<script>alert(1)</script>\"><img src=x onerror='alert(2)'>&amp; \
    \u{202e}שלום العالم Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft";

/// 2026-11-20 10:00 UTC, a Friday.
pub const FRIDAY: Timestamp = Timestamp::from_millis(1_795_168_800_000);
/// One day, in milliseconds.
pub const DAY: i64 = 24 * 60 * 60 * 1000;

impl Fill {
    /// Returns optional text.
    pub fn text(self, text: &str) -> String {
        match self {
            Self::Full => text.to_owned(),
            Self::Empty => String::new(),
            Self::Hostile => HOSTILE.to_owned(),
        }
    }

    /// Returns text that is never empty, such as a title, an address or a token.
    pub fn needed(self, text: &str) -> String {
        if self == Self::Empty {
            text.to_owned()
        } else {
            self.text(text)
        }
    }

    /// Returns text that may be absent.
    pub fn maybe(self, text: &str) -> Option<String> {
        (self != Self::Empty).then(|| self.text(text))
    }

    /// Returns a value that may be absent.
    pub fn some<T>(self, value: T) -> Option<T> {
        (self != Self::Empty).then_some(value)
    }

    /// Returns a list that may be empty.
    pub fn list<T>(self, items: Vec<T>) -> Vec<T> {
        if self == Self::Empty {
            Vec::new()
        } else {
            items
        }
    }
}

/// Returns the time `days` later.
pub fn days_after(moment: Timestamp, days: i64) -> Timestamp {
    Timestamp::from_millis(moment.as_millis() + days * DAY)
}

/// Collects rendered pages, each named after page and state.
pub struct Album<'a> {
    pages: &'a Pages,
    /// Name, template and result of each page.
    pub rendered: Vec<(String, &'static str, Result<String, PageError>)>,
}

impl Album<'_> {
    fn add<V: View>(&mut self, name: &str, view: V) {
        self.rendered
            .push((name.to_owned(), V::TEMPLATE, self.pages.text(&view)));
    }
}

/// Renders every page in every state: name, template and result.
pub fn every_page(
    pages: &Pages,
    fill: Fill,
) -> Vec<(String, &'static str, Result<String, PageError>)> {
    let mut album = Album {
        pages,
        rendered: Vec::new(),
    };
    public::fill(&mut album, fill);
    admin::fill(&mut album, fill);
    admin_lists::fill(&mut album, fill);
    subscribers::fill(&mut album, fill);
    admin_settings::fill(&mut album, fill);
    admin_tokens::fill(&mut album, fill);
    admin_accounts::fill(&mut album, fill);
    draft::fill(&mut album, fill);
    album.rendered
}
