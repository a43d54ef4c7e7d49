//! What each mail says: the values its template gets.

use jiff::civil::Date;
use serde::Serialize;
use url::Url;

use crate::domain::accent::Accent;

/// A mail with a template of its own.
pub trait EmailTemplate: Serialize {
    /// The folder of its three templates.
    const NAME: &'static str;

    /// Links without which the mail is useless or unlawful: both bodies must have them.
    fn required_links(&self) -> Vec<&str>;
}

/// What every mail says of the newsletter.
#[derive(Clone, Debug, Serialize)]
pub struct NewsletterContext {
    pub name: String,
    pub tagline: Option<String>,
    /// BCP 47, like `en`.
    pub language: String,
    pub direction: Direction,
    /// Where readers subscribe, in words: the host of the form.
    pub site: String,
    pub postal_address: Option<String>,
    /// Whether it comes each week, and by itself.
    pub weekly: bool,
    pub accent: AccentColors,
}

/// The newsletter's colour as `#rrggbb`, by day and by night.
#[derive(Clone, Debug, Serialize)]
pub struct AccentColors {
    pub light: String,
    pub dark: String,
    /// For words on a button by night.
    pub on_dark: String,
}

impl From<Accent> for AccentColors {
    fn from(accent: Accent) -> Self {
        Self {
            light: accent.light().to_string(),
            dark: accent.dark().to_string(),
            on_dark: accent.on_dark().to_string(),
        }
    }
}

/// Which way the language is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Ltr,
    Rtl,
}

impl Direction {
    /// By the primary subtag of a BCP 47 language.
    pub fn for_language(language: &str) -> Self {
        let primary = language.split(['-', '_']).next().unwrap_or_default();
        let rtl = [
            "ar", "arc", "ckb", "dv", "fa", "he", "ps", "sd", "ug", "ur", "yi",
        ];
        if rtl.iter().any(|code| primary.eq_ignore_ascii_case(code)) {
            Self::Rtl
        } else {
            Self::Ltr
        }
    }
}

/// A day in the newsletter's own zone. The template has the names of the months.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Day {
    pub year: i16,
    /// From 1.
    pub month: i8,
    pub day: i8,
}

impl From<Date> for Day {
    fn from(date: Date) -> Self {
        Self {
            year: date.year(),
            month: date.month(),
            day: date.day(),
        }
    }
}

/// An issue.
#[derive(Clone, Debug, Serialize)]
pub struct DigestMail {
    pub masthead: NewsletterContext,
    pub number: i64,
    pub day: Day,
    /// The editor's; the template has one of its own.
    pub subject: Option<String>,
    /// The editor's; the titles stand in for it.
    pub preheader: Option<String>,
    /// The editor's note, already made safe.
    pub note_html: Option<String>,
    pub note_text: Option<String>,
    pub posts: Vec<DigestPost>,
    /// How many posts did not fit.
    pub more: usize,
    pub blog_url: Url,
    /// Carries the reader's token, or the marker that stands for it.
    pub unsubscribe_url: String,
    /// As `unsubscribe_url`.
    pub preferences_url: String,
    /// The issue on the web: the same for everyone.
    pub web_url: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct DigestPost {
    pub title: String,
    pub url: Url,
    pub excerpt: String,
    pub image: Option<Url>,
    pub author: Option<String>,
    pub minutes: Option<u32>,
}

impl EmailTemplate for DigestMail {
    const NAME: &'static str = "digest";

    fn required_links(&self) -> Vec<&str> {
        let mut links = vec![
            self.unsubscribe_url.as_str(),
            &self.preferences_url,
            &self.web_url,
            self.blog_url.as_str(),
        ];
        links.extend(self.posts.iter().map(|post| post.url.as_str()));
        links
    }
}

/// Asks a reader whether they want the newsletter.
#[derive(Clone, Debug, Serialize)]
pub struct ConfirmationMail {
    pub masthead: NewsletterContext,
    pub name: Option<String>,
    pub confirm_url: String,
    /// How long the link works.
    pub days: u32,
}

impl EmailTemplate for ConfirmationMail {
    const NAME: &'static str = "confirmation";

    fn required_links(&self) -> Vec<&str> {
        vec![&self.confirm_url]
    }
}

/// Answers a sign-up of someone who is on the list.
#[derive(Clone, Debug, Serialize)]
pub struct AlreadySubscribedMail {
    pub masthead: NewsletterContext,
    pub name: Option<String>,
    pub issues_url: String,
    pub preferences_url: String,
    pub unsubscribe_url: String,
}

impl EmailTemplate for AlreadySubscribedMail {
    const NAME: &'static str = "already_subscribed";

    fn required_links(&self) -> Vec<&str> {
        vec![
            &self.issues_url,
            &self.preferences_url,
            &self.unsubscribe_url,
        ]
    }
}

/// Answers what a reader asked for on their preferences page.
#[derive(Clone, Debug, Serialize)]
pub struct ReaderLinkMail {
    pub masthead: NewsletterContext,
    /// `ReaderMail::as_str`
    pub about: &'static str,
    /// None for `address_changed`, which only tells.
    pub link: Option<String>,
    /// How long the link works.
    pub minutes: u32,
}

impl EmailTemplate for ReaderLinkMail {
    const NAME: &'static str = "reader_link";

    fn required_links(&self) -> Vec<&str> {
        self.link.as_deref().into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_have_a_direction() {
        assert_eq!(Direction::for_language("en"), Direction::Ltr);
        assert_eq!(Direction::for_language("ar-EG"), Direction::Rtl);
        assert_eq!(Direction::for_language("HE"), Direction::Rtl);
        assert_eq!(Direction::for_language(""), Direction::Ltr);
    }
}
