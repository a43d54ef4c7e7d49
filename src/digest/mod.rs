//! The way of an issue: collect, select, render, publish.
//!
//! A draft is made afresh whenever it is looked at, from the posts as they are and what
//! the editor said of them; what the preview shows is what a send would freeze.

mod author_affinity;
mod collect;
mod draft;
mod hotness;
mod manual_post;
mod post_keys;
mod publish;
mod select;
mod summary;

use std::sync::Arc;

pub use collect::{ConfiguredFeed, FeedResult};
pub use draft::{Draft, DraftError, NoteTooLarge};
pub use hotness::Hotness;
pub use manual_post::ManualPost;
pub use publish::{PublishError, Published};
pub use select::{Exclusion, Inclusion, Placement, Reason, Rules, Selection};
pub use summary::{SendResult, Sums};

use crate::domain::clock::{Clock, Timestamp};
use crate::domain::random::Random;
use crate::domain::signed_token::SecretKeys;
use crate::feeds::Fetcher;
use crate::mail::identity::Identity;
use crate::mail::templates::Templates;
use crate::store::Store;

/// The use cases of the digest.
#[derive(Clone, Debug)]
pub struct DigestService {
    pub store: Store,
    pub fetcher: Fetcher,
    pub templates: Arc<Templates>,
    pub identity: Arc<Identity>,
    pub rules: Rules,
    /// The feeds that the settings name.
    pub wanted: Vec<ConfiguredFeed>,
    pub keys: Arc<SecretKeys>,
    pub clock: Arc<dyn Clock>,
    pub random: Arc<Random>,
}

impl DigestService {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}
