//! What the desk does to readers who are on the list, one or many at a time.

use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::{Erase, StoreError, SubscriberRow, Unsubscribe};
use crate::subscription::SubscriptionService;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BulkAction {
    Unsubscribe,
    Erase,
    AskAgain,
}

impl BulkAction {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsubscribe => "unsubscribe",
            Self::Erase => "erase",
            Self::AskAgain => "resend",
        }
    }

    /// Whether it means anything to who is in this state.
    pub fn applies_to(self, state: SubscriberState) -> bool {
        use SubscriberState::{Confirmed, Pending};
        match self {
            Self::Unsubscribe => matches!(state, Pending | Confirmed),
            Self::Erase => true,
            Self::AskAgain => state == Pending,
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Unsubscribe, Self::Erase, Self::AskAgain]
            .into_iter()
            .find(|deed| deed.as_str() == word)
    }
}

impl SubscriptionService {
    /// Does it to these readers, and gives to how many it applied.
    ///
    /// # Errors
    /// When the database fails; then it was done to none of them.
    pub async fn apply(
        &self,
        deed: BulkAction,
        readers: &[SubscriberRow],
    ) -> Result<u64, StoreError> {
        match deed {
            BulkAction::Unsubscribe => {
                let leaver = |reader: &SubscriberRow| Unsubscribe {
                    id: reader.id,
                    nonce: self.nonce(),
                };
                let leavers: Vec<Unsubscribe> = readers.iter().map(leaver).collect();
                self.store.unsubscribe(&leavers, self.now()).await
            }
            BulkAction::Erase => {
                let erasures: Result<Vec<Erase>, StoreError> =
                    readers.iter().map(|reader| self.erasure(reader)).collect();
                self.store.erase(&erasures?, self.now()).await
            }
            BulkAction::AskAgain => {
                let waiting = readers
                    .iter()
                    .filter(|reader| deed.applies_to(reader.state));
                let ids: Vec<SubscriberId> = waiting.map(|reader| reader.id).collect();
                self.ask_again(&ids).await
            }
        }
    }

    fn erasure(&self, reader: &SubscriberRow) -> Result<Erase, StoreError> {
        let address = EmailAddress::parse(&reader.address).map_err(|_| StoreError::Corrupt {
            what: "address",
            value: reader.address.clone(),
        })?;
        Ok(Erase {
            id: reader.id,
            address_mac: self.address_mac(&address),
        })
    }

    /// Ends a suppression, and gives what the reader is now; `None` when there was none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn lift_suppression(
        &self,
        id: &SubscriberId,
    ) -> Result<Option<SubscriberState>, StoreError> {
        self.store.lift_suppression(id, self.now()).await
    }
}
