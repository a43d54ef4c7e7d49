//! Actions that a link in an email alone must not allow: changing the address, exporting
//! the data and erasing it.
//!
//! Subscribers forward newsletters, and the links in them. These actions therefore need a
//! second, expiring link, which is sent to the subscriber's address on request.

use crate::domain::delivery::{DeliveryId, DeliveryKind, SubscriberMail};
use crate::domain::email_address::EmailAddress;
use crate::domain::signed_token::Purpose;
use crate::domain::subscriber::SubscriberState;
use crate::store::{AddressChange, NewDelivery, RateLimitKey, StoreError, Subscriber};
use crate::subscription::data_export::DataExport;
use crate::subscription::subscribe::{MAX_EMAILS_PER_DAY, rate_windows};
use crate::subscription::{LinkError, SubscriptionService};

/// Short-window limit that is never reached, so that a typo in a new address can be
/// corrected immediately. The daily limit still applies.
const NO_SHORT_LIMIT: i64 = i64::MAX;

/// A verified link that confirms a new address.
#[derive(Clone, Debug)]
pub struct NewAddress {
    /// The subscriber who requested the change.
    pub subscriber: Subscriber,
    /// The address to change to.
    pub address: EmailAddress,
}

impl SubscriptionService {
    /// Enqueues an email with an expiring link for the action in `about`.
    ///
    /// Does nothing if the subscriber was sent too many of these emails recently.
    ///
    /// # Errors
    /// Same as [`verify_preferences_link`](Self::verify_preferences_link).
    pub async fn request_link(&self, token: &str, about: SubscriberMail) -> Result<(), LinkError> {
        let subscriber = self.verify_preferences_link(token).await?;
        let mail = self.new_link_mail(&subscriber, subscriber.address.clone(), about);
        let limit = self.subscriber_limit(&subscriber, about, 1);
        self.enqueue_limited(&mail, &[limit]).await?;
        Ok(())
    }

    /// Returns the subscriber that an expiring link for `purpose` belongs to.
    ///
    /// # Errors
    /// Returns [`LinkError::Invalid`] if the link is forged, expired or used, and
    /// [`LinkError::Store`] if the subscriber cannot be read.
    pub async fn verify_action_link(
        &self,
        purpose: Purpose,
        token: &str,
    ) -> Result<Subscriber, LinkError> {
        self.verify_expiring_token(purpose, token)
            .await
            .map(|(subscriber, _)| subscriber)
    }

    /// Sends a link to a new address that confirms the change.
    ///
    /// The caller gets the same result for every address, so that it cannot learn which
    /// addresses are subscribed. If the address belongs to a confirmed subscriber, that
    /// subscriber is sent a notice instead of the link.
    ///
    /// # Errors
    /// Same as [`verify_action_link`](Self::verify_action_link).
    pub async fn request_address_change(
        &self,
        token: &str,
        address: &EmailAddress,
    ) -> Result<(), LinkError> {
        let subscriber = self
            .verify_action_link(Purpose::ChangeAddress, token)
            .await?;
        let holder = self.store.subscriber_by_address(address).await?;
        let mut mail = self.new_link_mail(&subscriber, address.clone(), SubscriberMail::NewAddress);
        if let Some(holder) = holder.filter(|holder| holder.state == SubscriberState::Confirmed) {
            mail.kind = DeliveryKind::AlreadySubscribed;
            mail.subscriber = Some(holder.id);
            mail.payload = None;
        }
        let subscriber_limit =
            self.subscriber_limit(&subscriber, SubscriberMail::NewAddress, NO_SHORT_LIMIT);
        let mailbox_limit = RateLimitKey {
            mac: self.mailbox_mac(address),
            max_short_term: 1,
            max_per_day: MAX_EMAILS_PER_DAY,
        };
        self.enqueue_limited(&mail, &[subscriber_limit, mailbox_limit])
            .await?;
        Ok(())
    }

    /// Verifies a link that confirms a new address.
    ///
    /// # Errors
    /// Same as [`verify_action_link`](Self::verify_action_link).
    pub async fn verify_new_address_link(&self, token: &str) -> Result<NewAddress, LinkError> {
        let (subscriber, address) = self
            .verify_expiring_token(Purpose::NewAddress, token)
            .await?;
        let address = str::from_utf8(&address).map_err(|_| LinkError::Invalid)?;
        let address = EmailAddress::parse(address).map_err(|_| LinkError::Invalid)?;
        Ok(NewAddress {
            subscriber,
            address,
        })
    }

    /// Changes the address of a subscriber and notifies the previous one.
    ///
    /// Returns the subscriber as it was before the change.
    ///
    /// # Errors
    /// Same as [`verify_action_link`](Self::verify_action_link); also
    /// [`LinkError::Invalid`] if another active subscriber has the new address by now.
    pub async fn change_address(
        &self,
        token: &str,
        ip: Option<&str>,
    ) -> Result<Subscriber, LinkError> {
        let NewAddress {
            subscriber,
            address,
        } = self.verify_new_address_link(token).await?;
        let previous = subscriber.address.clone();
        let change = AddressChange {
            new_address: &address,
            ip: ip.map(str::to_owned),
            nonce: self.nonce(),
            address_macs: self.address_macs(&address),
            previous_address_mac: self.address_mac(&subscriber.address),
            notice: self.new_link_mail(&subscriber, previous, SubscriberMail::AddressChanged),
        };
        let is_changed = self
            .store
            .change_address(&subscriber, &change, self.now())
            .await?;
        if !is_changed {
            return Err(LinkError::Invalid);
        }
        tracing::info!(subscriber = %subscriber.id, "subscriber address changed");
        Ok(subscriber)
    }

    /// Returns all data stored about a subscriber.
    ///
    /// # Errors
    /// Same as [`verify_action_link`](Self::verify_action_link).
    pub async fn export_data(&self, token: &str) -> Result<DataExport, LinkError> {
        let id = self.verify_action_link(Purpose::Export, token).await?.id;
        let record = self.store.subscriber_record(&id).await?;
        let deliveries = self
            .store
            .subscriber_deliveries(&id, None, i64::MAX)
            .await?;
        Ok(DataExport::new(
            record.ok_or(LinkError::Invalid)?,
            deliveries,
        ))
    }

    /// Erases a subscriber, like [`erase_by_address`](Self::erase_by_address).
    ///
    /// # Errors
    /// Same as [`verify_action_link`](Self::verify_action_link).
    pub async fn erase_by_link(&self, token: &str) -> Result<(), LinkError> {
        let subscriber = self.verify_action_link(Purpose::Erase, token).await?;
        self.erase_subscriber(&subscriber).await?;
        Ok(())
    }

    /// Returns the subscriber of an expiring token and the data signed with it.
    async fn verify_expiring_token(
        &self,
        purpose: Purpose,
        token: &str,
    ) -> Result<(Subscriber, Vec<u8>), LinkError> {
        let claimed = self.keys.claimed_subscriber(token)?;
        let subscriber = self.store.subscriber(&claimed).await?;
        let subscriber = subscriber.ok_or(LinkError::Invalid)?;
        let (expires_at, data) =
            self.keys
                .verify_expiring_token(purpose, token, &subscriber.nonce)?;
        if expires_at <= self.now() {
            return Err(LinkError::Invalid);
        }
        Ok((subscriber, data))
    }

    fn new_link_mail(
        &self,
        subscriber: &Subscriber,
        address: EmailAddress,
        about: SubscriberMail,
    ) -> NewDelivery {
        NewDelivery {
            id: DeliveryId::from_stored(self.random.uuid_v7(self.now()).to_string()),
            kind: DeliveryKind::SubscriberLink,
            subscriber: Some(subscriber.id),
            address,
            payload: Some(about.as_str().to_owned()),
        }
    }

    /// Limits how many emails of one kind a subscriber can request.
    fn subscriber_limit(
        &self,
        subscriber: &Subscriber,
        about: SubscriberMail,
        max_short_term: i64,
    ) -> RateLimitKey {
        let parts = [
            about.as_str().as_bytes(),
            subscriber.id.as_uuid().as_bytes(),
        ];
        RateLimitKey {
            mac: hex::encode(self.keys.mac(Purpose::Mailbox, &parts)),
            max_short_term,
            max_per_day: MAX_EMAILS_PER_DAY,
        }
    }

    /// Enqueues `mail` unless one of `limits` is reached.
    async fn enqueue_limited(
        &self,
        mail: &NewDelivery,
        limits: &[RateLimitKey],
    ) -> Result<(), StoreError> {
        let windows = rate_windows(self.now());
        let is_enqueued = self
            .store
            .enqueue_rate_limited(mail, limits, windows)
            .await?;
        let subscriber = mail.subscriber.map(|id| id.to_string());
        tracing::info!(subscriber, enqueued = is_enqueued, "link email requested");
        Ok(())
    }
}
