//! The keys that mail is signed with.

use std::sync::Arc;

use crate::app::{App, AppError};
use crate::mail::dkim::{KeySource, Signer};

impl App {
    /// `None` when the settings name no key.
    pub(super) fn signer(&self) -> Result<Option<Arc<Signer>>, AppError> {
        let Some(dkim) = &self.settings.dkim else {
            return Ok(None);
        };
        let place = |key: &crate::config::DkimKey| KeySource {
            selector: key.selector.clone(),
            file: key.file.clone(),
        };
        let keys: Vec<KeySource> = dkim.keys.iter().map(place).collect();
        let signer = Signer::load(&dkim.domain, &keys)?;
        for file in signer.readable_by_others() {
            tracing::warn!(
                "dkim.keys: others on this machine can read {}",
                file.display()
            );
        }
        Ok(Some(Arc::new(signer)))
    }
}
