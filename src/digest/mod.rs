//! Steps of an issue: collect posts, select, render, publish.
//!
//! A draft is rebuilt for each request from the current posts and the editor's changes; the
//! preview shows what a send would freeze.

mod author_affinity;
mod collect;
mod draft;
mod hotness;
mod issue_actions;
mod manual_post;
mod post_keys;
mod publish;
mod select;
mod summary;

use std::sync::Arc;

pub use collect::{ConfiguredFeed, FeedResult};
pub use draft::{Draft, DraftError, NoteTooLarge};
pub use hotness::Hotness;
pub use issue_actions::IssueAction;
pub use manual_post::ManualPost;
pub use publish::{PublishError, Published};
pub use select::{Exclusion, Inclusion, Placement, Reason, Rules, Selection};
pub use summary::SendResult;

use crate::domain::clock::{Clock, Timestamp};
use crate::domain::random::Random;
use crate::domain::signed_token::SecretKeys;
use crate::feeds::Fetcher;
use crate::mail::identity::Identity;
use crate::mail::templates::Templates;
use crate::store::Store;

/// Use cases of the digest. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DigestService {
    /// The database.
    pub store: Store,
    /// Fetches feeds.
    pub fetcher: Fetcher,
    /// Templates of the emails.
    pub templates: Arc<Templates>,
    /// Name, addresses and public URL of the newsletter.
    pub identity: Arc<Identity>,
    /// Rules for selecting posts.
    pub rules: Rules,
    /// Feeds named in the settings.
    pub configured_feeds: Vec<ConfiguredFeed>,
    /// Keys that sign the links in emails.
    pub keys: Arc<SecretKeys>,
    /// Source of the current time.
    pub clock: Arc<dyn Clock>,
    /// Source of ids.
    pub random: Arc<Random>,
}

impl DigestService {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
