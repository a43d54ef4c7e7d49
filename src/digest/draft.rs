//! The next issue as it stands.

use url::Url;

use super::Digests;
use super::select::{Selection, select};
use crate::domain::clock::Timestamp;
use crate::domain::issue::IssueNumber;
use crate::domain::post::Post;
use crate::domain::subscriber::SubscriberId;
use crate::domain::token::Purpose;
use crate::mail::compose::{
    FrozenMail, ListHeaders, Mail, Markers, MessageId, Recipient, RecipientError,
};
use crate::mail::size::{TooLarge, encoded_size, fit};
use crate::mail::templates::{Day, DigestMail, DigestPost, Rendered, TemplateFault};
use crate::store::StoreError;

/// More candidates than any issue has room for.
const CANDIDATES: i64 = 300;

/// The next issue, rendered as a send would freeze it at this moment.
#[derive(Clone, Debug)]
pub struct Draft {
    pub number: IssueNumber,
    pub selection: Selection,
    /// How many would get it now.
    pub readers: i64,
    pub subject: String,
    pub preheader: String,
    /// With markers where the reader's tokens belong.
    pub content: Rendered,
    /// Of the encoded HTML part, in bytes.
    pub size: usize,
    markers: Markers,
    made_at: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a template cannot be rendered: {0}")]
    Template(#[from] TemplateFault),
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    #[error(transparent)]
    Recipient(#[from] RecipientError),
}

impl Digests {
    /// Drafts the next issue from the posts that are there; the feeds are not read.
    ///
    /// # Errors
    /// When the database or a template fails, or one post alone is too large for a mail.
    pub async fn draft(&self) -> Result<Draft, DraftError> {
        let now = self.now();
        let candidates = self
            .store
            .candidates(Timestamp::from_millis(0), CANDIDATES)
            .await?;
        let mut selection = select(candidates, &self.rules, now);
        let number = self.store.next_number().await?;
        let readers = self.store.readers(now).await?;
        let blog = self.blog_url().await?;
        let markers = Markers::new(&self.random);

        let posts: Vec<DigestPost> = selection
            .chosen
            .iter()
            .map(|(post, _)| digest_post(post))
            .collect();
        let offered = selection
            .left_out
            .iter()
            .filter(|(_, why)| why.was_offered())
            .count();
        let letter = |count: usize| {
            self.letter(
                number,
                now,
                &markers,
                &blog,
                &posts[..count],
                offered + posts.len() - count,
            )
        };
        let fits = fit(posts.len(), |count| -> Result<usize, DraftError> {
            Ok(encoded_size(&self.templates.render(&letter(count))?.html))
        })?;
        let content = self.templates.render(&letter(fits.posts))?;
        selection.shorten(fits.posts);
        let titles: Vec<&str> = selection
            .chosen
            .iter()
            .map(|(post, _)| post.title.as_str())
            .collect();
        Ok(Draft {
            number,
            readers,
            subject: content.subject.clone(),
            preheader: titles.join(" · "),
            content,
            size: fits.bytes,
            selection,
            markers,
            made_at: now,
        })
    }

    fn letter(
        &self,
        number: IssueNumber,
        now: Timestamp,
        markers: &Markers,
        blog: &Url,
        posts: &[DigestPost],
        more: usize,
    ) -> DigestMail {
        let url = &self.identity.public_url;
        let day = now.to_utc().with_timezone(&self.identity.zone).date_naive();
        DigestMail {
            masthead: self.identity.masthead.clone(),
            number: number.get(),
            day: Day::from(day),
            subject: None,
            preheader: None,
            note_html: None,
            note_text: None,
            posts: posts.to_vec(),
            more,
            blog_url: blog.clone(),
            unsubscribe_url: url.join(&format!("unsubscribe/{}", markers.unsubscribe())),
            preferences_url: url.join(&format!("preferences/{}", markers.preferences())),
            web_url: url.join(&format!("issues/{number}")),
        }
    }

    /// Where "all posts" are: the first feed's own page, else this newsletter's.
    async fn blog_url(&self) -> Result<Url, StoreError> {
        let feeds = self.store.feeds().await?;
        let home = feeds
            .iter()
            .find_map(|feed| feed.home.as_deref()?.parse().ok());
        Ok(home.unwrap_or_else(|| self.identity.public_url.as_url().clone()))
    }

    /// The draft's message, encoded with gaps for what differs per reader.
    pub fn freeze(&self, draft: &Draft) -> FrozenMail {
        let url = &self.identity.public_url;
        let unsubscribe = url.join(&format!("unsubscribe/{}", draft.markers.unsubscribe()));
        let list = ListHeaders::of_issue(
            &self.identity.masthead.name,
            &self.identity.from,
            draft.number,
            &unsubscribe,
        );
        let mail = Mail {
            from: &self.identity.from,
            reply_to: self.identity.reply_to.as_ref(),
            date: draft.made_at,
            content: &draft.content,
            list: Some(&list),
        };
        FrozenMail::freeze(&mail, &draft.markers)
    }

    /// The draft as a reader would get it, its links without a reader behind them.
    ///
    /// # Errors
    /// Never with tokens of this program's making.
    pub fn sample(&self, draft: &Draft) -> Result<(Rendered, Vec<u8>), DraftError> {
        let nobody = SubscriberId::from_uuid(uuid::Uuid::nil());
        let unsubscribe = self.keys.reader_token(Purpose::Unsubscribe, &nobody);
        let preferences = self.keys.reader_token(Purpose::Preferences, &nobody);
        let with_tokens = |text: &str| {
            text.replace(draft.markers.unsubscribe(), &unsubscribe)
                .replace(draft.markers.preferences(), &preferences)
        };
        let content = Rendered {
            subject: draft.content.subject.clone(),
            text: with_tokens(&draft.content.text),
            html: with_tokens(&draft.content.html),
        };
        let mac = self.keys.mac(Purpose::MessageId, &[b"preview"]);
        let id = MessageId::new(&mac, &self.identity.from);
        let recipient = Recipient::new(
            self.identity.from.address().clone(),
            id,
            unsubscribe,
            preferences,
        )?;
        Ok((content, self.freeze(draft).fill(&recipient)))
    }
}

fn digest_post(post: &Post) -> DigestPost {
    DigestPost {
        title: post.title.clone(),
        url: post.url.clone(),
        excerpt: post.excerpt.clone(),
        image: post.image.clone(),
        author: post.author.clone(),
        minutes: post.minutes,
    }
}
