//! Draft of the next issue.

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

/// Maximum number of posts considered, newest first. Several times what an issue can contain.
const MAX_CANDIDATES: i64 = 300;
/// Number of past issues whose clicks are counted: about two months of weekly issues.
const CLICK_HISTORY_ISSUES: i64 = 8;

/// Maximum characters of a preheader made from the note. Mail programs show about this many.
const MAX_PREHEADER_CHARS: usize = 140;

/// The next issue, rendered as a send at this time would freeze it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Number of the issue.
    pub number: IssueNumber,
    /// Included and excluded posts.
    pub selection: Selection,
    /// The editor's changes that the draft contains.
    pub edits: DraftEdits,
    /// Number of active subscribers.
    pub recipients: i64,
    /// Subject of the email.
    pub subject: String,
    /// Preview text that mail programs show after the subject.
    pub preheader: String,
    /// Rendered email, with placeholders for the tokens of the recipient.
    pub content: Rendered,
    /// Size of the encoded HTML part in bytes.
    pub size: usize,
    mail: DigestMail,
    placeholders: Placeholders,
    created_at: Timestamp,
}

/// Error of making a draft.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A template cannot be rendered.
    #[error("a template cannot be rendered: {0}")]
    Template(#[from] TemplateError),
    /// The email is too large even with a single post.
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    /// The sample recipient is invalid.
    #[error(transparent)]
    Recipient(#[from] RecipientError),
}

/// Error for a note that makes the email too large.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("with this note the email has {kilobytes} KB; the maximum is {}", TARGET_BYTES / 1000)]
pub struct NoteTooLarge {
    kilobytes: usize,
}

impl DigestService {
    /// Drafts the next issue from the stored posts and the editor's changes. Does not read the
    /// feeds.
    ///
    /// # Errors
    /// Returns [`DraftError::Store`] if the database fails, [`DraftError::Template`] if a
    /// template cannot be rendered, and [`DraftError::TooLarge`] if a single post is too large
    /// for an email.
    pub async fn draft(&self) -> Result<Draft, DraftError> {
        self.draft_with(self.store.draft_edits().await?).await
    }

    /// Drafts the next issue with the given changes instead of the stored ones.
    ///
    /// # Errors
    /// Same as [`draft`](Self::draft).
    pub async fn draft_with(&self, edits: DraftEdits) -> Result<Draft, DraftError> {
        let now = self.now();
        let candidates = self.candidates(&edits).await?;
        let number = self.store.next_number().await?;
        let affinity = self.author_affinity(number).await?;
        let mut selection = select(candidates, &edits, &affinity, &self.rules, now);
        let recipients = self.store.active_count(now).await?;
        let placeholders = Placeholders::new(&self.random);
        let empty = self.empty_digest_mail(number, now, &placeholders, self.blog_url().await?);

        let posts: Vec<DigestPost> = selection
            .chosen
            .iter()
            .map(|(post, _)| self.digest_post(post))
            .collect();
        let excluded = selection.excluded.iter();
        let offered = excluded
            .filter(|(_, exclusion)| exclusion.was_offered())
            .count();
        let digest_mail = |count: usize| DigestMail {
            subject: edits.subject.as_ref().map(|text| text.as_str().to_owned()),
            preheader: Some(preheader(&edits, &posts[..count])).filter(|text| !text.is_empty()),
            note_html: edits
                .note
                .as_ref()
                .map(|note| markdown::to_mail_html(note.as_str())),
            note_text: edits
                .note
                .as_ref()
                .map(|note| markdown::to_text(note.as_str())),
            posts: posts[..count].to_vec(),
            more: offered + posts.len() - count,
            ..empty.clone()
        };
        let fits = max_posts_within(posts.len(), |count| -> Result<usize, DraftError> {
            Ok(encoded_size(
                &self.templates.render(&digest_mail(count))?.html,
            ))
        })?;
        let mail = digest_mail(fits.posts);
        let content = self.templates.render(&mail)?;
        selection.truncate(fits.posts);
        Ok(Draft {
            number,
            recipients,
            subject: content.subject.clone(),
            preheader: preheader(&edits, &posts[..fits.posts]),
            content,
            size: fits.bytes,
            selection,
            edits,
            mail,
            placeholders,
            created_at: now,
        })
    }

    /// Returns an error value if the note in `edits` makes the email too large.
    ///
    /// # Errors
    /// Same as [`draft`](Self::draft), except [`DraftError::TooLarge`].
    pub async fn check_note_size(
        &self,
        edits: &DraftEdits,
    ) -> Result<Option<NoteTooLarge>, DraftError> {
        let bytes = match self.draft_with(edits.clone()).await {
            Ok(draft) => draft.size,
            Err(DraftError::TooLarge(too_large)) => too_large.bytes,
            Err(error) => return Err(error),
        };
        let kilobytes = bytes.div_ceil(1000);
        let is_too_large = edits.note.is_some() && bytes > TARGET_BYTES;
        Ok(is_too_large.then_some(NoteTooLarge { kilobytes }))
    }

    /// Returns the newest posts, and those of any age that the editor picked or hid.
    async fn candidates(&self, edits: &DraftEdits) -> Result<Vec<Candidate>, StoreError> {
        let since = Timestamp::EPOCH;
        let mut candidates = self.store.candidates(since, MAX_CANDIDATES).await?;
        let edited = edits
            .posts
            .iter()
            .filter(|(_, edit)| edit.is_picked() || edit.is_hidden);
        for (post, _) in edited {
            if !candidates
                .iter()
                .any(|candidate| candidate.post.id == *post)
            {
                candidates.extend(self.store.candidate(post).await?);
            }
        }
        Ok(candidates)
    }

    /// Computes the author affinity from past clicks, if clicks are counted.
    async fn author_affinity(&self, next: IssueNumber) -> Result<AuthorAffinity, StoreError> {
        let since =
            IssueNumber::new(next.get() - CLICK_HISTORY_ISSUES).unwrap_or(IssueNumber::FIRST);
        Ok(if self.rules.count_clicks {
            AuthorAffinity::new(&self.store.clicks_by_author(since).await?)
        } else {
            AuthorAffinity::default()
        })
    }

    fn digest_post(&self, post: &Post) -> DigestPost {
        DigestPost {
            title: post.title.clone(),
            url: self.post_link(post),
            excerpt: post.excerpt.clone(),
            image: post.image.clone(),
            author: post.author.clone(),
            minutes: post.minutes,
        }
    }

    /// Returns the link to a post, or to the redirect that counts the click.
    pub fn post_link(&self, post: &Post) -> Url {
        if !self.rules.count_clicks {
            return post.url.clone();
        }
        let redirect = self.identity.public_url.join(&format!("r/{}", post.id));
        redirect.parse().unwrap_or_else(|_| post.url.clone())
    }

    /// Returns the template context of an issue without posts and note.
    fn empty_digest_mail(
        &self,
        number: IssueNumber,
        now: Timestamp,
        placeholders: &Placeholders,
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
            unsubscribe_url: url.join(&format!("unsubscribe/{}", placeholders.unsubscribe())),
            preferences_url: url.join(&format!("preferences/{}", placeholders.preferences())),
            web_url: url.join(&format!("issues/{number}")),
        }
    }

    /// Returns the link for "all posts": the home page of the first feed that has one, or of
    /// this newsletter.
    async fn blog_url(&self) -> Result<Url, StoreError> {
        let feeds = self.store.feeds().await?;
        let home = feeds
            .iter()
            .find_map(|feed| feed.home.as_deref()?.parse().ok());
        Ok(home.unwrap_or_else(|| self.identity.public_url.as_url().clone()))
    }

    /// Encodes the draft as a test message: "[Test]" is in the subject, and the link to the
    /// issue's page, which does not exist yet, leads to a page that says so.
    ///
    /// # Errors
    /// Returns [`DraftError::Template`] if the template cannot be rendered.
    pub fn freeze_test(&self, draft: &Draft) -> Result<FrozenMail, DraftError> {
        let content = self.templates.render(&DigestMail {
            subject: Some(format!("[Test] {}", draft.subject)),
            web_url: self.test_copy_url(),
            ..draft.mail.clone()
        })?;
        Ok(self.freeze_content(draft, &content))
    }

    fn test_copy_url(&self) -> String {
        self.identity.public_url.join("issues/test")
    }

    /// Encodes the draft as a message with placeholders for the values of each recipient.
    pub fn freeze(&self, draft: &Draft) -> FrozenMail {
        self.freeze_content(draft, &draft.content)
    }

    fn freeze_content(&self, draft: &Draft, content: &Rendered) -> FrozenMail {
        let url = &self.identity.public_url;
        let unsubscribe = url.join(&format!("unsubscribe/{}", draft.placeholders.unsubscribe()));
        let list = ListHeaders::for_issue(
            &self.identity.newsletter.name,
            &self.identity.from,
            draft.number,
            &unsubscribe,
        );
        let mail = Mail {
            from: &self.identity.from,
            reply_to: self.identity.reply_to.as_ref(),
            date: draft.created_at,
            content,
            list: Some(&list),
        };
        FrozenMail::freeze(&mail, &draft.placeholders)
    }

    /// Renders the draft for a sample recipient: the content and the encoded message.
    ///
    /// The links of the content lead to pages that say that this is a test copy.
    ///
    /// # Errors
    /// Returns [`DraftError::Template`] if the template cannot be rendered, and
    /// [`DraftError::Recipient`] if a generated value is invalid, which does not
    /// happen.
    pub fn render_sample(&self, draft: &Draft) -> Result<(Rendered, Vec<u8>), DraftError> {
        let sample = SubscriberId::NOBODY;
        let unsubscribe = self.keys.subscriber_token(Purpose::Unsubscribe, &sample);
        let preferences = self.keys.subscriber_token(Purpose::Preferences, &sample);
        let with_tokens = |text: &str| {
            text.replace(draft.placeholders.unsubscribe(), &unsubscribe)
                .replace(draft.placeholders.preferences(), &preferences)
        };
        let content = self.templates.render(&DigestMail {
            web_url: self.test_copy_url(),
            ..draft.mail.clone()
        })?;
        let content = Rendered {
            subject: content.subject,
            text: with_tokens(&content.text),
            html: with_tokens(&content.html),
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

/// Returns the editor's preheader, or the titles of the posts, or the start of the note.
fn preheader(edits: &DraftEdits, posts: &[DigestPost]) -> String {
    if let Some(preheader) = &edits.preheader {
        return preheader.as_str().to_owned();
    }
    if !posts.is_empty() {
        let titles: Vec<&str> = posts.iter().map(|post| post.title.as_str()).collect();
        return titles.join(" · ");
    }
    let note = edits
        .note
        .as_ref()
        .map(|note| markdown::to_text(note.as_str()));
    let words: Vec<String> = note
        .iter()
        .flat_map(|text| text.split_whitespace())
        .map(str::to_owned)
        .collect();
    words.join(" ").chars().take(MAX_PREHEADER_CHARS).collect()
}
