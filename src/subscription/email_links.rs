//! What a forwarded mail must not hand over: another address, the export and the erasure
//! need a link that was mailed to the reader just now.

use crate::domain::delivery::{DeliveryId, DeliveryKind, ReaderMail};
use crate::domain::email_address::EmailAddress;
use crate::domain::signed_token::Purpose;
use crate::domain::subscriber::SubscriberState;
use crate::store::{AddressChange, NewDelivery, RateLimitKey, StoreError, Subscriber};
use crate::subscription::subscribe::{DAY, MOST_IN_DAY, SHORT};
use crate::subscription::{LinkError, OwnData, SubscriptionService};

/// A slip in a new address may be mended at once.
const NO_SHORT_COUNT: i64 = i64::MAX;

/// A link to another address, opened.
#[derive(Clone, Debug)]
pub struct NewAddress {
    pub reader: Subscriber,
    pub address: EmailAddress,
}

impl SubscriptionService {
    /// Queues a mail to the reader about what they asked for on their preferences page,
    /// unless they got one lately.
    ///
    /// # Errors
    /// As [`Self::look_up_preferences`].
    pub async fn ask_for_link(&self, token: &str, about: ReaderMail) -> Result<(), LinkError> {
        let reader = self.look_up_preferences(token).await?;
        let mail = self.mail_to(&reader, reader.address.clone(), about);
        let count = self.count_of(&reader, about, 1);
        self.enqueue_counted(&mail, &[count]).await?;
        Ok(())
    }

    /// Whose fresh link this is.
    ///
    /// # Errors
    /// [`LinkError::Gone`] when it is forged, too old, used or void.
    pub async fn look_up_fresh(
        &self,
        purpose: Purpose,
        token: &str,
    ) -> Result<Subscriber, LinkError> {
        self.open_fresh(purpose, token)
            .await
            .map(|(reader, _)| reader)
    }

    /// Asks the owner of `address` by mail whether they are the reader. What the caller
    /// learns is the same whatever is known of the address: who reads under it already is
    /// told so.
    ///
    /// # Errors
    /// As [`Self::look_up_fresh`].
    pub async fn ask_new_address(
        &self,
        token: &str,
        address: &EmailAddress,
    ) -> Result<(), LinkError> {
        let reader = self.look_up_fresh(Purpose::ChangeAddress, token).await?;
        let holder = self.store.subscriber_by_address(address).await?;
        let taken = holder.filter(|holder| holder.state == SubscriberState::Confirmed);
        let mut mail = self.mail_to(&reader, address.clone(), ReaderMail::NewAddress);
        if let Some(holder) = taken {
            mail.kind = DeliveryKind::AlreadySubscribed;
            mail.subscriber = Some(holder.id);
            mail.payload = None;
        }
        let by_reader = self.count_of(&reader, ReaderMail::NewAddress, NO_SHORT_COUNT);
        let by_mailbox = RateLimitKey {
            mac: self.mailbox_mac(address),
            max_short_term: 1,
            max_per_day: MOST_IN_DAY,
        };
        self.enqueue_counted(&mail, &[by_reader, by_mailbox])
            .await?;
        Ok(())
    }

    /// Who wants to go to which address by this link.
    ///
    /// # Errors
    /// As [`Self::look_up_fresh`].
    pub async fn look_up_new_address(&self, token: &str) -> Result<NewAddress, LinkError> {
        let (reader, more) = self.open_fresh(Purpose::NewAddress, token).await?;
        let address = str::from_utf8(&more).map_err(|_| LinkError::Gone)?;
        let address = EmailAddress::parse(address).map_err(|_| LinkError::Gone)?;
        Ok(NewAddress { reader, address })
    }

    /// Writes to the new address from now on, and tells the one of before.
    ///
    /// # Errors
    /// As [`Self::look_up_fresh`], also when somebody else reads under the new address by
    /// now.
    pub async fn change_address(
        &self,
        token: &str,
        ip: Option<&str>,
    ) -> Result<Subscriber, LinkError> {
        let NewAddress { reader, address } = self.look_up_new_address(token).await?;
        let before = reader.address.clone();
        let step = AddressChange {
            new_address: &address,
            ip: ip.map(str::to_owned),
            nonce: self.nonce(),
            address_macs: self.address_macs(&address),
            notice: self.mail_to(&reader, before, ReaderMail::AddressChanged),
        };
        let moved = self
            .store
            .change_address(&reader, &step, self.now())
            .await?;
        if !moved {
            return Err(LinkError::Gone);
        }
        tracing::info!(subscriber = %reader.id, "has another address");
        Ok(reader)
    }

    /// All that is kept of the reader.
    ///
    /// # Errors
    /// As [`Self::look_up_fresh`].
    pub async fn own_data(&self, token: &str) -> Result<OwnData, LinkError> {
        let reader = self.look_up_fresh(Purpose::Export, token).await?.id;
        let record = self.store.subscriber_record(&reader).await?;
        let mails = self
            .store
            .subscriber_deliveries(&reader, None, i64::MAX)
            .await?;
        Ok(OwnData::of(record.ok_or(LinkError::Gone)?, mails))
    }

    /// Removes the reader, as [`Self::erase`] does.
    ///
    /// # Errors
    /// As [`Self::look_up_fresh`].
    pub async fn erase_by_link(&self, token: &str) -> Result<(), LinkError> {
        let reader = self.look_up_fresh(Purpose::Erase, token).await?;
        self.erase_reader(&reader).await?;
        Ok(())
    }

    async fn open_fresh(
        &self,
        purpose: Purpose,
        token: &str,
    ) -> Result<(Subscriber, Vec<u8>), LinkError> {
        let claimed = self.keys.claimed_subscriber(token)?;
        let reader = self.store.subscriber(&claimed).await?;
        let reader = reader.ok_or(LinkError::Gone)?;
        let (expires, more) = self.keys.open_timed(purpose, token, &reader.nonce)?;
        if expires <= self.now() {
            return Err(LinkError::Gone);
        }
        Ok((reader, more))
    }

    fn mail_to(
        &self,
        reader: &Subscriber,
        address: EmailAddress,
        about: ReaderMail,
    ) -> NewDelivery {
        NewDelivery {
            id: DeliveryId::from_stored(self.random.uuid_v7(self.now()).to_string()),
            kind: DeliveryKind::ReaderLink,
            subscriber: Some(reader.id),
            address,
            payload: Some(about.as_str().to_owned()),
        }
    }

    fn count_of(&self, reader: &Subscriber, about: ReaderMail, most_in_short: i64) -> RateLimitKey {
        let parts = [about.as_str().as_bytes(), reader.id.as_uuid().as_bytes()];
        RateLimitKey {
            mac: hex::encode(self.keys.mac(Purpose::Mailbox, &parts)),
            max_short_term: most_in_short,
            max_per_day: MOST_IN_DAY,
        }
    }

    async fn enqueue_counted(
        &self,
        mail: &NewDelivery,
        counts: &[RateLimitKey],
    ) -> Result<(), StoreError> {
        let now = self.now();
        let spans = (now.minus(SHORT), now.minus(DAY), now);
        let queued = self.store.enqueue_rate_limited(mail, counts, spans).await?;
        let reader = mail.subscriber.map(|id| id.to_string());
        tracing::info!(subscriber = reader, queued, "asked for a link");
        Ok(())
    }
}
