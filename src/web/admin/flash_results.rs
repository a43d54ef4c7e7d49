//! Results of a change that the page after the redirect shows once.

use crate::web::admin::accounts::view::NewLink;
use crate::web::admin::flash::Flash;
use crate::web::admin::settings::service::TestMailResult;
use crate::web::admin::settings::token_view::CreatedToken;

/// One-time results by session.
#[derive(Default)]
pub struct FlashResults {
    /// One-time links for accounts.
    pub links: Flash<NewLink>,
    /// Test emails that were sent from the settings.
    pub test_mails: Flash<TestMailAttempt>,
    /// API tokens that were created.
    pub tokens: Flash<CreatedToken>,
    /// How many API tokens were revoked with the role or the account of their creator.
    pub revoked_tokens: Flash<usize>,
}

/// A test email and its result.
pub struct TestMailAttempt {
    /// The address as it was typed.
    pub to: String,
    /// What the mail server replied.
    pub result: TestMailResult,
}

/// Prints no content: it contains links and tokens that grant access.
impl std::fmt::Debug for FlashResults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FlashResults(…)")
    }
}
