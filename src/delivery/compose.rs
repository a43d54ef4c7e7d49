//! Composes the bytes of one message.

use std::sync::Arc;
use std::time::Duration;

use crate::delivery::service::DeliveryService;
use crate::domain::delivery::{DeliveryKind, SubscriberMail};
use crate::domain::enum_text::ParseEnumError;
use crate::domain::ids::{IssueId, SubscriberId};
use crate::domain::signed_token::Purpose;
use crate::mail::compose::{
    FrozenMail, FrozenMailError, Mail, MessageId, Recipient, RecipientError,
};
use crate::mail::dkim::SignError;
use crate::mail::templates::{
    AlertEvent, AlreadySubscribedMail, ConfirmationMail, ReaderLinkMail, Rendered, TemplateError,
};
use crate::store::{ClaimedDelivery, StoreError, Subscriber};

/// Validity of a confirmation link, in days. The confirmation mail states it.
const CONFIRMATION_DAYS: u32 = 7;

/// Validity of a link that a subscriber requested, in minutes.
///
/// One hour covers a slow mail server and limits the risk of a link left in a mailbox.
const LINK_MINUTES: u32 = 60;

/// Why a message cannot be composed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ComposeError {
    /// The subscriber or the issue could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A template cannot be rendered.
    #[error("cannot render template: {0}")]
    Template(#[from] TemplateError),
    /// The stored content of the issue is invalid.
    #[error(transparent)]
    Frozen(#[from] FrozenMailError),
    /// The address or a token does not fit in the message.
    #[error(transparent)]
    Recipient(#[from] RecipientError),
    /// The DKIM signature failed.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The stored subject of a self-service mail is invalid.
    #[error(transparent)]
    SubscriberMail(#[from] ParseEnumError),
    /// The issue or the delivery has no stored content.
    #[error("the delivery has no content to send")]
    NoContent,
}

/// Cache of the last issue's content, so that a dispatcher reads it once per issue.
#[derive(Debug, Default)]
pub(crate) struct IssueMailCache(Option<(IssueId, Arc<FrozenMail>)>);

impl DeliveryService {
    /// Returns the message of a delivery, signed if there is a DKIM key.
    ///
    /// Returns `None` if the message is not needed any longer, for example because the
    /// subscriber was erased.
    ///
    /// # Errors
    ///
    /// Returns [`ComposeError::Store`] if the database fails; the caller may retry. All other
    /// errors are permanent.
    pub(crate) async fn compose(
        &self,
        delivery: &ClaimedDelivery,
        issue_mail: &mut IssueMailCache,
    ) -> Result<Option<Vec<u8>>, ComposeError> {
        let message = self.compose_unsigned(delivery, issue_mail).await?;
        // Signing takes less than a millisecond, so it does not need a blocking thread.
        match (&self.signer, message) {
            (Some(signer), Some(message)) => Ok(Some(signer.sign(&message)?)),
            (_, message) => Ok(message),
        }
    }

    async fn compose_unsigned(
        &self,
        delivery: &ClaimedDelivery,
        issue_mail: &mut IssueMailCache,
    ) -> Result<Option<Vec<u8>>, ComposeError> {
        match (delivery.kind, &delivery.issue) {
            (DeliveryKind::Issue, Some(id)) => self.issue_message(delivery, id, issue_mail).await,
            (DeliveryKind::Test, _) | (DeliveryKind::Issue, None) => {
                let mail = FrozenMail::from_json(
                    delivery.payload.as_deref().ok_or(ComposeError::NoContent)?,
                )?;
                Ok(Some(self.render_issue(delivery, &mail)?))
            }
            (DeliveryKind::Alert, _) => {
                let event = delivery.payload.as_deref().ok_or(ComposeError::NoContent)?;
                let event: AlertEvent =
                    serde_json::from_str(event).map_err(|_| ComposeError::NoContent)?;
                let content = self.templates.render(&self.identity.alert_mail(event))?;
                Ok(Some(self.encode(delivery, &content)))
            }
            (
                DeliveryKind::Confirmation
                | DeliveryKind::AlreadySubscribed
                | DeliveryKind::SubscriberLink,
                _,
            ) => {
                let Some(id) = &delivery.subscriber else {
                    return Ok(None);
                };
                let Some(subscriber) = self.store.subscriber(id).await? else {
                    return Ok(None);
                };
                let content = match delivery.kind {
                    DeliveryKind::Confirmation => Some(self.confirmation(delivery, &subscriber)?),
                    DeliveryKind::SubscriberLink => self.subscriber_link(delivery, &subscriber)?,
                    _ => Some(self.already_subscribed(&subscriber)?),
                };
                Ok(content.map(|content| self.encode(delivery, &content)))
            }
        }
    }

    async fn issue_message(
        &self,
        delivery: &ClaimedDelivery,
        id: &IssueId,
        cache: &mut IssueMailCache,
    ) -> Result<Option<Vec<u8>>, ComposeError> {
        if delivery.subscriber.is_none() {
            return Ok(None);
        }
        let cached = cache
            .0
            .as_ref()
            .filter(|(known, _)| known == id)
            .map(|(_, mail)| Arc::clone(mail));
        let mail = match cached {
            Some(mail) => mail,
            None => {
                let json = self
                    .store
                    .issue_message(id)
                    .await?
                    .ok_or(ComposeError::NoContent)?;
                let mail = Arc::new(FrozenMail::from_json(&json)?);
                cache.0 = Some((*id, Arc::clone(&mail)));
                mail
            }
        };
        Ok(Some(self.render_issue(delivery, &mail)?))
    }

    /// Inserts the recipient's address and links into the content of an issue.
    ///
    /// A test message has no subscriber: its links lead to pages that say so.
    fn render_issue(
        &self,
        delivery: &ClaimedDelivery,
        mail: &FrozenMail,
    ) -> Result<Vec<u8>, ComposeError> {
        let subscriber = delivery.subscriber.unwrap_or(SubscriberId::NOBODY);
        let recipient = Recipient::new(
            delivery.address.clone(),
            self.message_id(delivery),
            self.keys
                .subscriber_token(Purpose::Unsubscribe, &subscriber),
            self.keys
                .subscriber_token(Purpose::Preferences, &subscriber),
        )?;
        Ok(mail.render_for(&recipient))
    }

    fn confirmation(
        &self,
        delivery: &ClaimedDelivery,
        subscriber: &Subscriber,
    ) -> Result<Rendered, TemplateError> {
        let validity = Duration::from_secs(u64::from(CONFIRMATION_DAYS) * 24 * 60 * 60);
        let token = self.keys.confirmation_token(
            &subscriber.id,
            &subscriber.nonce,
            delivery.queued_at.plus(validity),
        );
        self.templates.render(&ConfirmationMail {
            masthead: self.identity.newsletter.clone(),
            confirm_url: self.identity.public_url.join(&format!("confirm/{token}")),
            days: CONFIRMATION_DAYS,
        })
    }

    fn already_subscribed(&self, subscriber: &Subscriber) -> Result<Rendered, TemplateError> {
        let url = &self.identity.public_url;
        let link = |path: &str, purpose| {
            url.join(&format!(
                "{path}/{}",
                self.keys.subscriber_token(purpose, &subscriber.id)
            ))
        };
        self.templates.render(&AlreadySubscribedMail {
            masthead: self.identity.newsletter.clone(),
            issues_url: url.join("issues"),
            preferences_url: link("preferences", Purpose::Preferences),
            unsubscribe_url: link("unsubscribe", Purpose::Unsubscribe),
        })
    }

    /// Returns the content of a self-service mail.
    ///
    /// Returns `None` for a link that was requested for an address which the subscriber has
    /// changed since.
    fn subscriber_link(
        &self,
        delivery: &ClaimedDelivery,
        subscriber: &Subscriber,
    ) -> Result<Option<Rendered>, ComposeError> {
        let subject =
            SubscriberMail::parse(delivery.payload.as_deref().ok_or(ComposeError::NoContent)?)?;
        let is_to_other_address = matches!(
            subject,
            SubscriberMail::NewAddress | SubscriberMail::AddressChanged
        );
        if !is_to_other_address && subscriber.address != delivery.address {
            return Ok(None);
        }
        let validity = Duration::from_secs(u64::from(LINK_MINUTES) * 60);
        let claims = (&subscriber.id, subscriber.nonce.as_str());
        let address = delivery.address.to_string();
        let bound_to = match subject {
            SubscriberMail::NewAddress => address.as_bytes(),
            _ => b"",
        };
        let link = subject.purpose().map(|purpose| {
            let expires = delivery.queued_at.plus(validity);
            let token = self.keys.expiring_token(purpose, claims, expires, bound_to);
            let page = subject.as_str().replace('_', "-");
            self.identity.public_url.join(&format!("{page}/{token}"))
        });
        let mail = ReaderLinkMail {
            masthead: self.identity.newsletter.clone(),
            about: subject.as_str(),
            link,
            minutes: LINK_MINUTES,
        };
        Ok(Some(self.templates.render(&mail)?))
    }

    fn encode(&self, delivery: &ClaimedDelivery, content: &Rendered) -> Vec<u8> {
        let mail = Mail {
            from: &self.identity.from,
            reply_to: self.identity.reply_to.as_ref(),
            date: delivery.queued_at,
            content,
            list: None,
        };
        mail.encode(&delivery.address, &self.message_id(delivery))
    }

    /// Returns the Message-ID.
    ///
    /// It is the same for every attempt, so that receivers can drop duplicates.
    fn message_id(&self, delivery: &ClaimedDelivery) -> MessageId {
        let mac = self
            .keys
            .mac(Purpose::MessageId, &[delivery.id.as_str().as_bytes()]);
        MessageId::new(&mac, &self.identity.from)
    }
}
