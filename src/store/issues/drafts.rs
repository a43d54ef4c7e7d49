//! The editor's changes to the next issue: one row of JSON with a version for optimistic locking.

use serde::{Deserialize, Serialize};
use sqlx::Row;

use crate::domain::issue::draft_edits::{DraftEdits, PostEdit};
use crate::domain::issue::post::PostId;
use crate::domain::issue::text::{Excerpt, Note, Preheader, Subject, Title};
use crate::store::db::connect::Store;
use crate::store::db::transaction::WriteTx;
use crate::store::error::{StoreError, decode};

/// Result of saving a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveOutcome {
    /// The change is stored.
    Saved,
    /// Another change was saved in the meantime; nothing was stored.
    Conflict,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredEdits {
    subject: Option<String>,
    preheader: Option<String>,
    note: Option<String>,
    posts: Vec<StoredPostEdit>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct StoredPostEdit {
    id: String,
    place: Option<u32>,
    is_hidden: bool,
    is_pinned: bool,
    is_added: bool,
    title: Option<String>,
    excerpt: Option<String>,
}

const SELECT: &str = "SELECT version, edits FROM draft_edits";
const UPDATE: &str = "UPDATE draft_edits SET version = version + 1, edits = $2 WHERE version = $1";

impl Store {
    /// Returns the editor's changes to the next issue.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails, and [`StoreError::Corrupt`] if the
    /// stored edits cannot be parsed.
    pub async fn draft_edits(&self) -> Result<DraftEdits, StoreError> {
        let row = sqlx::query(SELECT).fetch_one(&self.pool).await?;
        let stored = decode("draft", row.try_get("edits")?, |text| {
            serde_json::from_str::<StoredEdits>(text)
        })?;
        from_stored(row.try_get("version")?, stored)
    }

    /// Stores `edits`, unless the version that they were made from is outdated.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the statement fails.
    pub async fn save_draft_edits(&self, edits: &DraftEdits) -> Result<SaveOutcome, StoreError> {
        let update = self.execute_write(UPDATE, |update| {
            update.bind(edits.version).bind(to_json(edits))
        });
        Ok(match update.await? {
            0 => SaveOutcome::Conflict,
            _ => SaveOutcome::Saved,
        })
    }
}

/// Replaces the edits of a frozen issue by those that remain for the next one. Returns false if
/// `version` is outdated.
pub(crate) async fn consume(
    tx: &mut WriteTx,
    version: i64,
    remaining: &DraftEdits,
) -> Result<bool, StoreError> {
    let update = sqlx::query(UPDATE).bind(version).bind(to_json(remaining));
    Ok(update.execute(&mut **tx).await?.rows_affected() > 0)
}

fn to_json(edits: &DraftEdits) -> String {
    let stored = StoredEdits {
        subject: edits.subject.as_ref().map(|it| it.as_str().to_owned()),
        preheader: edits.preheader.as_ref().map(|it| it.as_str().to_owned()),
        note: edits.note.as_ref().map(|it| it.as_str().to_owned()),
        posts: edits.posts.iter().map(to_stored_post).collect(),
    };
    serde_json::to_string(&stored).expect("text, numbers and flags are JSON")
}

fn to_stored_post((id, edit): (&PostId, &PostEdit)) -> StoredPostEdit {
    StoredPostEdit {
        id: id.to_string(),
        place: edit.position,
        is_hidden: edit.is_hidden,
        is_pinned: edit.is_pinned,
        is_added: edit.is_added,
        title: edit.title.as_ref().map(|it| it.as_str().to_owned()),
        excerpt: edit.excerpt.as_ref().map(|it| it.as_str().to_owned()),
    }
}

fn from_stored(version: i64, stored: StoredEdits) -> Result<DraftEdits, StoreError> {
    let mut edits = DraftEdits {
        version,
        subject: parse_text(stored.subject, Subject::parse)?,
        preheader: parse_text(stored.preheader, Preheader::parse)?,
        note: parse_text(stored.note, Note::parse)?,
        ..DraftEdits::default()
    };
    for post in stored.posts {
        let id = decode("post id", post.id, PostId::parse)?;
        let post_edit = PostEdit {
            position: post.place,
            is_hidden: post.is_hidden,
            is_pinned: post.is_pinned,
            is_added: post.is_added,
            title: parse_text(post.title, Title::parse)?,
            excerpt: parse_text(post.excerpt, Excerpt::parse)?,
        };
        edits.update(id, |edit| *edit = post_edit);
    }
    Ok(edits)
}

fn parse_text<T, E>(
    text: Option<String>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, StoreError> {
    text.map(|text| decode("draft", text, parse)).transpose()
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[SELECT, UPDATE];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_edits_read_back_unchanged() {
        let post = PostId::from_uuid(uuid::Uuid::from_u128(1));
        let mut edits = DraftEdits {
            subject: Subject::parse("Three “posts”").ok(),
            note: Note::parse("a\n\nb").ok(),
            ..DraftEdits::default()
        };
        edits.update(post, |edit| {
            edit.position = Some(3);
            edit.is_pinned = true;
            edit.excerpt = Excerpt::parse("").ok();
        });

        let stored = serde_json::from_str(&to_json(&edits)).unwrap();
        let empty = serde_json::from_str("{}").unwrap();

        assert_eq!(from_stored(0, stored).unwrap(), edits);
        assert_eq!(from_stored(0, empty).unwrap(), DraftEdits::default());
    }
}
