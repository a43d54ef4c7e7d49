//! The public pages: sign-up, archive, and the pages behind the links in emails.

mod check;
mod click_redirect;
mod confirm;
mod email_links;
mod embed;
mod embed_detection;
mod form_timing;
mod home;
mod invalid_link;
mod issues;
mod preferences;
mod privacy;
mod response;
mod routes;
mod signup_form;
mod signup_json;
mod signup_step;
mod subscribe;
mod test_copy;
mod token;
mod unsubscribe;

/// The views, for the tests that render every page.
#[cfg(test)]
pub mod views {
    pub use super::check::Check;
    pub use super::confirm::{Confirm, Confirmed};
    pub use super::email_links::{ChangeAddress, Erase, Erased, Export, NewAddress};
    pub use super::embed::Embed;
    pub use super::home::Home;
    pub use super::invalid_link::{InvalidLink, LinkKind};
    pub use super::issues::{
        ArchiveYear, FeedEntry, Issue, IssueLink, Issues, IssuesFeed, PostItem,
    };
    pub use super::preferences::{Preferences, SubscriptionStatus};
    pub use super::privacy::Privacy;
    pub use super::signup_form::{SignupError, SignupForm};
    pub use super::signup_step::ConfirmHuman;
    pub use super::test_copy::{TestCopy, TestCopyLink};
    pub use super::unsubscribe::{Unsubscribe, Unsubscribed};
}

pub use routes::routes;

#[cfg(test)]
mod tests;
