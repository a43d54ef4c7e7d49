//! Values that the email templates receive.
//!
//! The names of the fields are part of the contract: users override the templates.

use jiff::civil::Date;
use serde::Serialize;
use url::Url;

use crate::domain::accent::Accent;

/// A message that is rendered by its own template.
pub trait EmailTemplate: Serialize {
    /// Folder of the three templates: subject.txt, body.txt and body.html.
    const NAME: &'static str;

    /// Returns the links that both bodies must contain, because the message is useless or
    /// unlawful without them.
    fn required_links(&self) -> Vec<&str>;
}

/// The newsletter, for all templates.
#[derive(Clone, Debug, Serialize)]
pub struct NewsletterContext {
    /// Name of the newsletter.
    pub name: String,
    /// Tagline below the headline.
    pub tagline: Option<String>,
    /// Language tag (BCP 47), like `en`.
    pub language: String,
    /// Direction of the language.
    pub direction: Direction,
    /// Host name of the sign-up form, to show where the subscriber signed up.
    pub site: String,
    /// Postal address for the footer.
    pub postal_address: Option<String>,
    /// Whether issues are sent automatically every week.
    pub weekly: bool,
    /// Accent colour.
    pub accent: AccentColors,
}

/// The accent colour as `#rrggbb`.
#[derive(Clone, Debug, Serialize)]
pub struct AccentColors {
    /// For light backgrounds.
    pub light: String,
    /// For dark backgrounds.
    pub dark: String,
    /// Text of buttons in dark mode.
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

/// Writing direction of a language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Left to right.
    Ltr,
    /// Right to left.
    Rtl,
}

impl Direction {
    /// Returns the direction of a BCP 47 language tag, by its primary subtag.
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

/// A date in the newsletter's time zone. The template has the names of the months.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Day {
    /// Year.
    pub year: i16,
    /// Month, from 1 to 12.
    pub month: i8,
    /// Day of the month.
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

/// Message with an issue.
#[derive(Clone, Debug, Serialize)]
pub struct DigestMail {
    /// The newsletter.
    pub masthead: NewsletterContext,
    /// Number of the issue.
    pub number: i64,
    /// Date of the issue.
    pub day: Day,
    /// Subject by the editor; `None` for the default of the template.
    pub subject: Option<String>,
    /// Preview text by the editor; `None` for the titles of the posts.
    pub preheader: Option<String>,
    /// The editor's note as safe HTML.
    pub note_html: Option<String>,
    /// The editor's note as plain text.
    pub note_text: Option<String>,
    /// The posts in order.
    pub posts: Vec<DigestPost>,
    /// Number of posts that did not fit.
    pub more: usize,
    /// Address of the blog.
    pub blog_url: Url,
    /// Unsubscribe link with the token of the subscriber or its placeholder.
    pub unsubscribe_url: String,
    /// Link to the preferences, with a token like `unsubscribe_url`.
    pub preferences_url: String,
    /// Address of the issue on the web, without a token.
    pub web_url: String,
}

/// A post of an issue.
#[derive(Clone, Debug, Serialize)]
pub struct DigestPost {
    /// Title.
    pub title: String,
    /// Link to the post.
    pub url: Url,
    /// Summary; may be empty.
    pub excerpt: String,
    /// Address of the lead image.
    pub image: Option<Url>,
    /// Name of the author.
    pub author: Option<String>,
    /// Reading time in minutes.
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

/// Message that asks for confirmation of a subscription.
///
/// Without the subscriber's name: anybody can type another person's address and any text.
#[derive(Clone, Debug, Serialize)]
pub struct ConfirmationMail {
    /// The newsletter.
    pub masthead: NewsletterContext,
    /// Confirmation link.
    pub confirm_url: String,
    /// Validity of the link in days.
    pub days: u32,
}

impl EmailTemplate for ConfirmationMail {
    const NAME: &'static str = "confirmation";

    fn required_links(&self) -> Vec<&str> {
        vec![&self.confirm_url]
    }
}

/// Reply to a sign-up with an address that is already subscribed.
///
/// Without the subscriber's name, like [`ConfirmationMail`].
#[derive(Clone, Debug, Serialize)]
pub struct AlreadySubscribedMail {
    /// The newsletter.
    pub masthead: NewsletterContext,
    /// Address of the archive.
    pub issues_url: String,
    /// Link to the preferences.
    pub preferences_url: String,
    /// Unsubscribe link.
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

/// Message about the subscriber's own data, requested on the preferences page.
#[derive(Clone, Debug, Serialize)]
pub struct ReaderLinkMail {
    /// The newsletter.
    pub masthead: NewsletterContext,
    /// Word of a [`ReaderMail`](crate::domain::delivery::ReaderMail).
    pub about: &'static str,
    /// The link; `None` for `address_changed`.
    pub link: Option<String>,
    /// Validity of the link in minutes.
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
    fn direction_follows_the_primary_subtag() {
        assert_eq!(Direction::for_language("en"), Direction::Ltr);
        assert_eq!(Direction::for_language("ar-EG"), Direction::Rtl);
        assert_eq!(Direction::for_language("HE"), Direction::Rtl);
        assert_eq!(Direction::for_language(""), Direction::Ltr);
    }
}
