//! Identifies the delivery that a report proves.

use std::collections::HashSet;

use memchr::memmem;

use crate::domain::email_address::EmailAddress;
use crate::domain::ids::SubscriberId;
use crate::domain::signed_token::Purpose;
use crate::domain::subscriber_token::SUBSCRIBER_TOKEN_LEN;
use crate::reports::service::ReportService;
use crate::store::{ReportedDelivery, StoreError};

/// Whom a report is about.
#[derive(Clone, Debug)]
pub(crate) struct Proof {
    /// The subscriber.
    pub(crate) subscriber: SubscriberId,
    /// The delivery of an issue; `None` for other mail.
    pub(crate) delivery: Option<ReportedDelivery>,
}

/// Digits of a Message-ID before the `@`: 128 bits.
const MESSAGE_ID_DIGITS: usize = 32;

/// Maximum number of proofs of one kind that are checked. A report contains the same one a few
/// times; the limit bounds the work for a hostile one.
const MAX_CANDIDATES: usize = 50;

/// Maximum number of a subscriber's deliveries that are compared with a Message-ID: two years.
const MAX_DELIVERIES: i64 = 100;

/// Maximum number of deliveries that are compared with a Message-ID if no address in the report
/// is a subscriber's.
const MAX_SCANNED: usize = 1_000_000;

/// Deliveries read per query of such a scan.
const SCAN_PAGE: i64 = 5_000;

impl ReportService {
    /// Returns whom the texts of a report prove; `None` if they prove nobody.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored value cannot be parsed.
    pub(crate) async fn identify(&self, texts: &[String]) -> Result<Option<Proof>, StoreError> {
        if let Some(proof) = self.by_return_path(texts).await? {
            return Ok(Some(proof));
        }
        let token_subscriber = self.by_token(texts);
        if let Some(delivery) = self.by_message_id(texts, token_subscriber).await? {
            return Ok(Some(Proof {
                subscriber: delivery.subscriber,
                delivery: Some(delivery),
            }));
        }
        // A provider that replaces Message-IDs leaves the token alone: the newest issue is meant.
        let Some(subscriber) = token_subscriber else {
            return Ok(None);
        };
        let newest = self.store.deliveries_to(&subscriber, 1).await?;
        Ok(newest.into_iter().next().map(|delivery| Proof {
            subscriber,
            delivery: Some(delivery),
        }))
    }

    async fn by_return_path(&self, texts: &[String]) -> Result<Option<Proof>, StoreError> {
        let Some(path) = &self.return_path else {
            return Ok(None);
        };
        let domain = format!("@{}", path.address().domain());
        let is_local = |c: char| c.is_ascii_alphanumeric() || "+-_.=".contains(c);
        for local in words_before(texts, &domain, is_local) {
            let Ok(address) = EmailAddress::parse(&format!("{local}{domain}")) else {
                continue;
            };
            let Ok(recipient) = path.decode(&self.keys, &address) else {
                continue;
            };
            let subscriber = recipient.subscriber;
            if self.store.subscriber(&subscriber).await?.is_none() {
                continue;
            }
            let delivery = match recipient.issue {
                Some(issue) => self.store.numbered_delivery_to(&subscriber, issue).await?,
                None => None,
            };
            return Ok(Some(Proof {
                subscriber,
                delivery,
            }));
        }
        Ok(None)
    }

    fn by_token(&self, texts: &[String]) -> Option<SubscriberId> {
        const PATH: &str = "/unsubscribe/";
        for text in texts {
            for at in memmem::find_iter(text.as_bytes(), PATH).take(MAX_CANDIDATES) {
                let start = at + PATH.len();
                let token = text.get(start..start + SUBSCRIBER_TOKEN_LEN);
                let subscriber = token.and_then(|token| {
                    let verified = self
                        .keys
                        .verify_subscriber_token(Purpose::Unsubscribe, token);
                    verified.ok()
                });
                if subscriber.is_some() {
                    return subscriber;
                }
            }
        }
        None
    }

    /// Returns the delivery whose Message-ID is in the texts.
    ///
    /// A Message-ID is an HMAC, so that deliveries have to be tried: those of the subscriber whom
    /// the token proves, those of the addresses in the report, and then those of the last issues.
    async fn by_message_id(
        &self,
        texts: &[String],
        subscriber: Option<SubscriberId>,
    ) -> Result<Option<ReportedDelivery>, StoreError> {
        let domain = format!("@{}", self.from.domain());
        let mut ids: HashSet<Vec<u8>> = HashSet::new();
        for local in words_before(texts, &domain, |c| c.is_ascii_hexdigit()) {
            if local.len() == MESSAGE_ID_DIGITS {
                ids.extend(hex::decode(local));
            }
        }
        if ids.is_empty() {
            return Ok(None);
        }
        let mut subscribers: Vec<SubscriberId> = subscriber.into_iter().collect();
        for address in addresses(texts) {
            let found = self.store.subscriber_by_address(&address).await?;
            subscribers.extend(found.map(|found| found.id));
        }
        for subscriber in subscribers {
            let deliveries = self
                .store
                .deliveries_to(&subscriber, MAX_DELIVERIES)
                .await?;
            if let Some(found) = deliveries.into_iter().find(|it| self.matches(it, &ids)) {
                return Ok(Some(found));
            }
        }
        self.scan(&ids).await
    }

    async fn scan(&self, ids: &HashSet<Vec<u8>>) -> Result<Option<ReportedDelivery>, StoreError> {
        let mut before = None;
        let mut scanned = 0;
        while scanned < MAX_SCANNED {
            let page = self
                .store
                .deliveries_before(before.as_ref(), SCAN_PAGE)
                .await?;
            let Some(last) = page.last() else {
                break;
            };
            before = Some(last.id.clone());
            scanned += page.len();
            if let Some(found) = page.into_iter().find(|it| self.matches(it, ids)) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn matches(&self, delivery: &ReportedDelivery, ids: &HashSet<Vec<u8>>) -> bool {
        let macs = self
            .keys
            .macs(Purpose::MessageId, &[delivery.id.as_str().as_bytes()]);
        macs.iter()
            .any(|mac| ids.contains(&mac[..MESSAGE_ID_DIGITS / 2]))
    }
}

/// Returns the words that stand directly before `suffix`, in any case, without duplicates.
fn words_before(texts: &[String], suffix: &str, is_word: impl Fn(char) -> bool) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let suffix = suffix.to_ascii_lowercase();
    for text in texts {
        let lower = text.to_ascii_lowercase();
        for at in memmem::find_iter(lower.as_bytes(), &suffix).take(20 * MAX_CANDIDATES) {
            let word_len: usize = lower[..at]
                .chars()
                .rev()
                .take_while(|c| is_word(*c))
                .map(char::len_utf8)
                .sum();
            let word = &lower[at - word_len..at];
            if !word.is_empty()
                && words.len() < MAX_CANDIDATES
                && !words.iter().any(|it| it == word)
            {
                words.push(word.to_owned());
            }
        }
    }
    words
}

/// Returns addresses that the texts mention, without duplicates, at most [`MAX_CANDIDATES`].
fn addresses(texts: &[String]) -> Vec<EmailAddress> {
    let mut found: Vec<EmailAddress> = Vec::new();
    let is_separator = |c: char| c.is_whitespace() || "<>()[],;:\"'".contains(c);
    for text in texts {
        for at in memmem::find_iter(text.as_bytes(), "@") {
            if found.len() >= MAX_CANDIDATES {
                return found;
            }
            let start = text[..at].rfind(is_separator);
            let start = start.map_or(0, |at| {
                at + text[at..].chars().next().map_or(1, char::len_utf8)
            });
            let end = text[at..]
                .find(is_separator)
                .map_or(text.len(), |len| at + len);
            if let Ok(address) = EmailAddress::parse(text[start..end].trim_end_matches('.'))
                && !found.contains(&address)
            {
                found.push(address);
            }
        }
    }
    found
}
