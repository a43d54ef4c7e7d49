//! The bytes of one copy.

use std::sync::Arc;
use std::time::Duration;

use crate::delivery::DeliveryService;
use crate::domain::delivery::{DeliveryKind, ReaderMail, ReaderMailError};
use crate::domain::ids::IssueId;
use crate::domain::signed_token::Purpose;
use crate::mail::compose::{
    FrozenMail, FrozenMailError, Mail, MessageId, Recipient, RecipientError,
};
use crate::mail::dkim::SignError;
use crate::mail::templates::{
    AlertEvent, AlreadySubscribedMail, ConfirmationMail, ReaderLinkMail, Rendered, TemplateFault,
};
use crate::store::{ClaimedDelivery, StoreError, Subscriber};

/// How long a confirmation link works, in days.
pub const CONFIRMATION_DAYS: u32 = 7;
/// How long a link works that a reader asked for, in minutes: long enough for a slow mail
/// server, too short to lie about in a mailbox.
pub const READER_LINK_MINUTES: u32 = 60;

#[derive(Debug, thiserror::Error)]
pub enum ComposeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a template cannot be rendered: {0}")]
    Template(#[from] TemplateFault),
    #[error(transparent)]
    Frozen(#[from] FrozenMailError),
    #[error(transparent)]
    Recipient(#[from] RecipientError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error(transparent)]
    ReaderMail(#[from] ReaderMailError),
    #[error("the issue has no mail")]
    NoMail,
}

/// The issue that is being sent, read once.
#[derive(Debug, Default)]
pub(super) struct IssueMail(Option<(IssueId, Arc<FrozenMail>)>);

impl DeliveryService {
    /// The message of a delivery, signed if there are keys; `None` when nobody is there to
    /// get it any more.
    pub(super) async fn compose(
        &self,
        job: &ClaimedDelivery,
        issue: &mut IssueMail,
    ) -> Result<Option<Vec<u8>>, ComposeError> {
        let message = self.unsigned(job, issue).await?;
        // Less than a millisecond: not worth a thread of its own.
        match (&self.signer, message) {
            (Some(signer), Some(message)) => Ok(Some(signer.sign(&message)?)),
            (_, message) => Ok(message),
        }
    }

    async fn unsigned(
        &self,
        job: &ClaimedDelivery,
        issue: &mut IssueMail,
    ) -> Result<Option<Vec<u8>>, ComposeError> {
        match (job.kind, &job.issue) {
            (DeliveryKind::Issue, Some(id)) => self.issue_copy(job, id, issue).await,
            (DeliveryKind::Test, _) | (DeliveryKind::Issue, None) => {
                let mail =
                    FrozenMail::from_json(job.payload.as_deref().ok_or(ComposeError::NoMail)?)?;
                Ok(Some(self.fill(job, &mail)?))
            }
            (DeliveryKind::Alert, _) => {
                let event = job.payload.as_deref().ok_or(ComposeError::NoMail)?;
                let event: AlertEvent =
                    serde_json::from_str(event).map_err(|_| ComposeError::NoMail)?;
                let content = self.templates.render(&self.identity.alert(event))?;
                Ok(Some(self.letter(job, &content)))
            }
            (
                DeliveryKind::Confirmation
                | DeliveryKind::AlreadySubscribed
                | DeliveryKind::ReaderLink,
                _,
            ) => {
                let Some(id) = &job.subscriber else {
                    return Ok(None);
                };
                let Some(subscriber) = self.store.subscriber(id).await? else {
                    return Ok(None);
                };
                let content = match job.kind {
                    DeliveryKind::Confirmation => Some(self.confirmation(job, &subscriber)?),
                    DeliveryKind::ReaderLink => self.reader_link(job, &subscriber)?,
                    _ => Some(self.already_subscribed(&subscriber)?),
                };
                Ok(content.map(|content| self.letter(job, &content)))
            }
        }
    }

    async fn issue_copy(
        &self,
        job: &ClaimedDelivery,
        id: &IssueId,
        cache: &mut IssueMail,
    ) -> Result<Option<Vec<u8>>, ComposeError> {
        if job.subscriber.is_none() {
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
                    .ok_or(ComposeError::NoMail)?;
                let mail = Arc::new(FrozenMail::from_json(&json)?);
                cache.0 = Some((*id, Arc::clone(&mail)));
                mail
            }
        };
        Ok(Some(self.fill(job, &mail)?))
    }

    /// A test has no reader: its links are well-formed and lead to nobody.
    fn fill(&self, job: &ClaimedDelivery, mail: &FrozenMail) -> Result<Vec<u8>, ComposeError> {
        let nobody = crate::domain::ids::SubscriberId::from_uuid(uuid::Uuid::nil());
        let reader = job.subscriber.unwrap_or(nobody);
        let recipient = Recipient::new(
            job.address.clone(),
            self.message_id(job),
            self.keys.subscriber_token(Purpose::Unsubscribe, &reader),
            self.keys.subscriber_token(Purpose::Preferences, &reader),
        )?;
        Ok(mail.fill(&recipient))
    }

    fn confirmation(
        &self,
        job: &ClaimedDelivery,
        subscriber: &Subscriber,
    ) -> Result<Rendered, TemplateFault> {
        let lasts = Duration::from_secs(u64::from(CONFIRMATION_DAYS) * 24 * 60 * 60);
        let token = self.keys.confirmation_token(
            &subscriber.id,
            &subscriber.nonce,
            job.queued_at.plus(lasts),
        );
        self.templates.render(&ConfirmationMail {
            masthead: self.identity.masthead.clone(),
            name: subscriber.name.clone(),
            confirm_url: self.identity.public_url.join(&format!("confirm/{token}")),
            days: CONFIRMATION_DAYS,
        })
    }

    fn already_subscribed(&self, subscriber: &Subscriber) -> Result<Rendered, TemplateFault> {
        let url = &self.identity.public_url;
        let link = |path: &str, purpose| {
            url.join(&format!(
                "{path}/{}",
                self.keys.subscriber_token(purpose, &subscriber.id)
            ))
        };
        self.templates.render(&AlreadySubscribedMail {
            masthead: self.identity.masthead.clone(),
            name: subscriber.name.clone(),
            issues_url: url.join("issues"),
            preferences_url: link("preferences", Purpose::Preferences),
            unsubscribe_url: link("unsubscribe", Purpose::Unsubscribe),
        })
    }

    /// `None` for a link that was asked for at an address which is the reader's no more.
    fn reader_link(
        &self,
        job: &ClaimedDelivery,
        subscriber: &Subscriber,
    ) -> Result<Option<Rendered>, ComposeError> {
        let about = ReaderMail::parse(job.payload.as_deref().ok_or(ComposeError::NoMail)?)?;
        let to_another = matches!(about, ReaderMail::NewAddress | ReaderMail::AddressChanged);
        if !to_another && subscriber.address != job.address {
            return Ok(None);
        }
        let lasts = Duration::from_secs(u64::from(READER_LINK_MINUTES) * 60);
        let reader = (&subscriber.id, subscriber.nonce.as_str());
        let address = job.address.to_string();
        let more = match about {
            ReaderMail::NewAddress => address.as_bytes(),
            _ => b"",
        };
        let link = about.purpose().map(|purpose| {
            let expires = job.queued_at.plus(lasts);
            let token = self.keys.expiring_token(purpose, reader, expires, more);
            let page = about.as_str().replace('_', "-");
            self.identity.public_url.join(&format!("{page}/{token}"))
        });
        let letter = ReaderLinkMail {
            masthead: self.identity.masthead.clone(),
            about: about.as_str(),
            link,
            minutes: READER_LINK_MINUTES,
        };
        Ok(Some(self.templates.render(&letter)?))
    }

    fn letter(&self, job: &ClaimedDelivery, content: &Rendered) -> Vec<u8> {
        let mail = Mail {
            from: &self.identity.from,
            reply_to: self.identity.reply_to.as_ref(),
            date: job.queued_at,
            content,
            list: None,
        };
        mail.encode(&job.address, &self.message_id(job))
    }

    /// The same at every try, so that receivers can drop a twin.
    fn message_id(&self, job: &ClaimedDelivery) -> MessageId {
        let mac = self
            .keys
            .mac(Purpose::MessageId, &[job.id.as_str().as_bytes()]);
        MessageId::new(&mac, &self.identity.from)
    }
}
