//! What the editor changed about the next issue: one row, kept as JSON, that only who
//! saw its present version may replace.

use serde::{Deserialize, Serialize};
use sqlx::Row;

use crate::domain::issue::draft_edits::{DraftEdits, PostEdit};
use crate::domain::issue::post::PostId;
use crate::domain::issue::text::{Excerpt, Note, Preheader, Subject, Title};
use crate::store::db::transaction::WriteTx;
use crate::store::{Store, StoreError, decode};

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaveOutcome {
    Saved,
    /// Someone else was quicker; nothing was changed.
    Conflict,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    subject: Option<String>,
    preheader: Option<String>,
    note: Option<String>,
    posts: Vec<KeptPost>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct KeptPost {
    id: String,
    place: Option<u32>,
    is_hidden: bool,
    is_pinned: bool,
    is_added: bool,
    title: Option<String>,
    excerpt: Option<String>,
}

const GET: &str = "SELECT version, edits FROM draft_edits";
const SAVE: &str = "UPDATE draft_edits SET version = version + 1, edits = $2 WHERE version = $1";

impl Store {
    pub async fn draft_edits(&self) -> Result<DraftEdits, StoreError> {
        let row = sqlx::query(GET).fetch_one(&self.pool).await?;
        let kept = decode("draft", row.try_get("edits")?, |text| {
            serde_json::from_str::<Kept>(text)
        })?;
        edits(row.try_get("version")?, kept)
    }

    /// Replaces the edits of the version that `edits` was made from.
    pub async fn save_draft_edits(&self, edits: &DraftEdits) -> Result<SaveOutcome, StoreError> {
        let save = self.execute_write(SAVE, |save| save.bind(edits.version).bind(json(edits)));
        let changed = save.await?;
        Ok(if changed > 0 {
            SaveOutcome::Saved
        } else {
            SaveOutcome::Conflict
        })
    }
}

/// Leaves only what outlives an issue. False when `drafted` is no longer what stands.
pub(crate) async fn consume(
    tx: &mut WriteTx,
    drafted: i64,
    left: &DraftEdits,
) -> Result<bool, StoreError> {
    let update = sqlx::query(SAVE).bind(drafted).bind(json(left));
    Ok(update.execute(&mut **tx).await?.rows_affected() > 0)
}

fn json(edits: &DraftEdits) -> String {
    let kept = Kept {
        subject: edits.subject.as_ref().map(|it| it.as_str().to_owned()),
        preheader: edits.preheader.as_ref().map(|it| it.as_str().to_owned()),
        note: edits.note.as_ref().map(|it| it.as_str().to_owned()),
        posts: edits.posts.iter().map(kept_post).collect(),
    };
    serde_json::to_string(&kept).expect("text, numbers and flags are JSON")
}

fn kept_post((id, edit): (&PostId, &PostEdit)) -> KeptPost {
    KeptPost {
        id: id.to_string(),
        place: edit.place,
        is_hidden: edit.is_hidden,
        is_pinned: edit.is_pinned,
        is_added: edit.is_added,
        title: edit.title.as_ref().map(|it| it.as_str().to_owned()),
        excerpt: edit.excerpt.as_ref().map(|it| it.as_str().to_owned()),
    }
}

fn edits(version: i64, kept: Kept) -> Result<DraftEdits, StoreError> {
    let mut edits = DraftEdits {
        version,
        subject: words(kept.subject, Subject::parse)?,
        preheader: words(kept.preheader, Preheader::parse)?,
        note: words(kept.note, Note::parse)?,
        ..DraftEdits::default()
    };
    for post in kept.posts {
        let id = decode("post id", post.id, PostId::parse)?;
        let edit = PostEdit {
            place: post.place,
            is_hidden: post.is_hidden,
            is_pinned: post.is_pinned,
            is_added: post.is_added,
            title: words(post.title, Title::parse)?,
            excerpt: words(post.excerpt, Excerpt::parse)?,
        };
        edits.on(id, |kept| *kept = edit);
    }
    Ok(edits)
}

fn words<T, E>(
    text: Option<String>,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<Option<T>, StoreError> {
    text.map(|text| decode("draft", text, parse)).transpose()
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[GET, SAVE];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_reads_back() {
        let post = PostId::from_uuid(uuid::Uuid::from_u128(1));
        let mut before = DraftEdits {
            subject: Subject::parse("Three “posts”").ok(),
            note: Note::parse("a\n\nb").ok(),
            ..DraftEdits::default()
        };
        before.on(post, |edit| {
            edit.place = Some(3);
            edit.is_pinned = true;
            edit.excerpt = Excerpt::parse("").ok();
        });
        let kept = serde_json::from_str(&json(&before)).unwrap();
        assert_eq!(edits(0, kept).unwrap(), before);
        let nothing = serde_json::from_str("{}").unwrap();
        assert_eq!(edits(0, nothing).unwrap(), DraftEdits::default());
    }
}
