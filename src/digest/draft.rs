//! The next issue as it stands.

use url::Url;

use crate::digest::DigestService;
use crate::digest::author_affinity::AuthorAffinity;
use crate::digest::select::{Selection, select};
use crate::domain::clock::Timestamp;
use crate::domain::issue::IssueNumber;
use crate::domain::issue::draft_edits::DraftEdits;
use crate::domain::issue::post::Post;
use crate::domain::signed_token::Purpose;
use crate::domain::subscriber::SubscriberId;
use crate::mail::compose::{
    FrozenMail, ListHeaders, Mail, MessageId, Placeholders, Recipient, RecipientError,
};
use crate::mail::markdown;
use crate::mail::size_limit::{TARGET_BYTES, TooLarge, encoded_size, max_posts_within};
use crate::mail::templates::{Day, DigestMail, DigestPost, Rendered, TemplateError};
use crate::store::{Candidate, StoreError};

/// More candidates than any issue has room for.
const CANDIDATES: i64 = 300;
/// Issues whose clicks tell what is liked.
const TELLING_ISSUES: i64 = 8;
/// Of a note that stands in for the titles, in characters.
const PREHEADER: usize = 140;

/// The next issue, rendered as a send would freeze it at this moment.
#[derive(Clone, Debug)]
pub struct Draft {
    pub number: IssueNumber,
    pub selection: Selection,
    /// What the editor changed, as it was when this was made.
    pub edits: DraftEdits,
    /// How many would get it now.
    pub readers: i64,
    pub subject: String,
    pub preheader: String,
    /// With markers where the reader's tokens belong.
    pub content: Rendered,
    /// Of the encoded HTML part, in bytes.
    pub size: usize,
    markers: Placeholders,
    made_at: Timestamp,
}

#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a template cannot be rendered: {0}")]
    Template(#[from] TemplateError),
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    #[error(transparent)]
    Recipient(#[from] RecipientError),
}

/// A note that leaves no room for a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("with this note the mail has {kilobytes} KB; {} are the most", TARGET_BYTES / 1000)]
pub struct NoteTooLarge {
    kilobytes: usize,
}

impl DigestService {
    /// Drafts the next issue from the posts that are there and what the editor said of
    /// them; the feeds are not read.
    ///
    /// # Errors
    /// When the database or a template fails, or one post alone is too large for a mail.
    pub async fn draft(&self) -> Result<Draft, DraftError> {
        self.draft_with(self.store.draft_edits().await?).await
    }

    /// The draft as it would be with these edits.
    ///
    /// # Errors
    /// As [`Self::draft`].
    pub async fn draft_with(&self, edits: DraftEdits) -> Result<Draft, DraftError> {
        let now = self.now();
        let candidates = self.candidates(&edits).await?;
        let number = self.store.next_number().await?;
        let interest = self.interest(number).await?;
        let mut selection = select(candidates, &edits, &interest, &self.rules, now);
        let readers = self.store.active_count(now).await?;
        let markers = Placeholders::new(&self.random);
        let bare = self.bare_letter(number, now, &markers, self.blog_url().await?);

        let posts: Vec<DigestPost> = selection
            .chosen
            .iter()
            .map(|(post, _)| self.digest_post(post))
            .collect();
        let left_out = selection.left_out.iter();
        let offered = left_out.filter(|(_, why)| why.was_offered()).count();
        let letter = |count: usize| DigestMail {
            subject: edits.subject.as_ref().map(|it| it.as_str().to_owned()),
            preheader: Some(preheader(&edits, &posts[..count])).filter(|it| !it.is_empty()),
            note_html: edits
                .note
                .as_ref()
                .map(|it| markdown::to_mail_html(it.as_str())),
            note_text: edits.note.as_ref().map(|it| markdown::to_text(it.as_str())),
            posts: posts[..count].to_vec(),
            more: offered + posts.len() - count,
            ..bare.clone()
        };
        let fits = max_posts_within(posts.len(), |count| -> Result<usize, DraftError> {
            Ok(encoded_size(&self.templates.render(&letter(count))?.html))
        })?;
        let content = self.templates.render(&letter(fits.posts))?;
        selection.shorten(fits.posts);
        Ok(Draft {
            number,
            readers,
            subject: content.subject.clone(),
            preheader: preheader(&edits, &posts[..fits.posts]),
            content,
            size: fits.bytes,
            selection,
            edits,
            markers,
            made_at: now,
        })
    }

    /// What is wrong with the note of these edits, if it is too large.
    ///
    /// # Errors
    /// As [`Self::draft`].
    pub async fn note_fault(&self, edits: &DraftEdits) -> Result<Option<NoteTooLarge>, DraftError> {
        let bytes = match self.draft_with(edits.clone()).await {
            Ok(draft) => draft.size,
            Err(DraftError::TooLarge(too_large)) => too_large.bytes,
            Err(error) => return Err(error),
        };
        let kilobytes = bytes.div_ceil(1000);
        let is_too_large = edits.note.is_some() && bytes > TARGET_BYTES;
        Ok(is_too_large.then_some(NoteTooLarge { kilobytes }))
    }

    /// The newest posts, and all that the editor picked or hid, however old.
    async fn candidates(&self, edits: &DraftEdits) -> Result<Vec<Candidate>, StoreError> {
        let since = Timestamp::EPOCH;
        let mut candidates = self.store.candidates(since, CANDIDATES).await?;
        let said = edits
            .posts
            .iter()
            .filter(|(_, edit)| edit.is_picked() || edit.is_hidden);
        for (post, _) in said {
            if !candidates.iter().any(|there| there.post.id == *post) {
                candidates.extend(self.store.candidate(post).await?);
            }
        }
        Ok(candidates)
    }

    /// What the clicks on the last issues tell, if they are counted.
    async fn interest(&self, next: IssueNumber) -> Result<AuthorAffinity, StoreError> {
        let since = IssueNumber::new(next.get() - TELLING_ISSUES).unwrap_or(IssueNumber::FIRST);
        Ok(if self.rules.count_clicks {
            AuthorAffinity::new(&self.store.clicks_by_author(since).await?)
        } else {
            AuthorAffinity::default()
        })
    }

    fn digest_post(&self, post: &Post) -> DigestPost {
        DigestPost {
            title: post.title.clone(),
            url: self.link_to(post),
            excerpt: post.excerpt.clone(),
            image: post.image.clone(),
            author: post.author.clone(),
            minutes: post.minutes,
        }
    }

    /// Where a reader is sent for a post: to it, or past the one who counts.
    pub fn link_to(&self, post: &Post) -> Url {
        let counted = self.identity.public_url.join(&format!("r/{}", post.id));
        let counted = self.rules.count_clicks.then(|| counted.parse().ok());
        counted.flatten().unwrap_or_else(|| post.url.clone())
    }

    /// An issue before anything is in it.
    fn bare_letter(
        &self,
        number: IssueNumber,
        now: Timestamp,
        markers: &Placeholders,
        blog_url: Url,
    ) -> DigestMail {
        let url = &self.identity.public_url;
        let day = now.in_zone(&self.identity.zone).date();
        DigestMail {
            masthead: self.identity.newsletter.clone(),
            number: number.get(),
            day: Day::from(day),
            subject: None,
            preheader: None,
            note_html: None,
            note_text: None,
            posts: Vec::new(),
            more: 0,
            blog_url,
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
        let list = ListHeaders::for_issue(
            &self.identity.newsletter.name,
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
        let unsubscribe = self.keys.subscriber_token(Purpose::Unsubscribe, &nobody);
        let preferences = self.keys.subscriber_token(Purpose::Preferences, &nobody);
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
        Ok((content, self.freeze(draft).render_for(&recipient)))
    }
}

/// The editor's, else the titles, else the beginning of the note.
fn preheader(edits: &DraftEdits, posts: &[DigestPost]) -> String {
    if let Some(preheader) = &edits.preheader {
        return preheader.as_str().to_owned();
    }
    if !posts.is_empty() {
        let titles: Vec<&str> = posts.iter().map(|post| post.title.as_str()).collect();
        return titles.join(" · ");
    }
    let note = edits.note.as_ref().map(|it| markdown::to_text(it.as_str()));
    let words: Vec<String> = note
        .iter()
        .flat_map(|it| it.split_whitespace())
        .map(str::to_owned)
        .collect();
    words.join(" ").chars().take(PREHEADER).collect()
}
