//! Results of a change, shown on the page after the redirect.

use crate::web::admin::accounts::view::NewLink;
use crate::web::admin::flash::Flash;
use crate::web::admin::settings::service::TestMailResult;
use crate::web::admin::settings::token_view::MadeToken;

#[derive(Default)]
pub struct Results {
    pub links: Flash<NewLink>,
    pub tries: Flash<Try>,
    pub tokens: Flash<MadeToken>,
    /// How many tokens were revoked with what their maker was.
    pub revoked: Flash<usize>,
}

/// A mail that was sent to see whether mail leaves.
pub struct Try {
    pub to: String,
    pub came: TestMailResult,
}

/// Not shown: there are keys to the desk in it.
impl std::fmt::Debug for Results {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Results(…)")
    }
}
