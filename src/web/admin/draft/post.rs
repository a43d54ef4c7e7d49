//! `/admin/next/posts/{id}`: what the next issue says of one post; and
//! `/admin/next/add`: a post that no feed has brought.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use url::Url;

use crate::digest::ManualPost;
use crate::domain::audit::AuditAction;
use crate::domain::issue::draft_edits::DraftEdits;
use crate::domain::issue::post::{Post, PostId};
use crate::domain::issue::text::{Excerpt, Title};
use crate::store::{ManualPostOutcome, SaveOutcome};
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::draft::view::{AddPost, EditPost, PostFaults, PostFields};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::response::{HandlerResult, page, redirect, refused};
use crate::web::error::HttpError;
use crate::web::state::SharedState;

pub async fn show(
    State(shared): State<SharedState>,
    editor: CurrentUser,
    Path(id): Path<String>,
) -> HandlerResult {
    let post = find(&shared, &id).await?;
    let edits = shared.web.store.draft_edits().await?;
    let mut written = post.clone();
    edits.of(&post.id).apply_to(&mut written);
    let words = PostFields {
        title: written.title,
        excerpt: written.excerpt,
        ..PostFields::default()
    };
    page(
        &shared,
        &view(&shared, &editor, &edits, &post, words).await?,
    )
}

pub async fn change(
    State(shared): State<SharedState>,
    Path(id): Path<String>,
    posted: VerifiedForm,
) -> HandlerResult {
    let store = &shared.web.store;
    let post = find(&shared, &id).await?;
    let before = store.draft_edits().await?;
    let version = posted.fields.text("version").parse::<i64>();
    let is_stale = version.map_err(|_| HttpError::Unprocessable)? != before.version;
    let mut typed = typed(&posted);
    let mut after = before.clone();
    if posted.fields.text("do") == "restore" {
        after.on(post.id, |edit| (edit.title, edit.excerpt) = (None, None));
    } else if let Some((title, excerpt)) = parse(&mut typed) {
        // What is the feed's own goes on following the feed.
        after.on(post.id, |edit| {
            edit.title = Some(title).filter(|it| it.as_str() != post.title);
            edit.excerpt = Some(excerpt).filter(|it| it.as_str() != post.excerpt);
        });
    } else {
        let view = view(&shared, &posted.editor, &before, &post, typed).await?;
        return refused(&shared, &view);
    }
    if is_stale || store.save_draft_edits(&after).await? == SaveOutcome::Outrun {
        let now = store.draft_edits().await?;
        let mut view = view(&shared, &posted.editor, &now, &post, typed).await?;
        view.is_conflict = true;
        return Ok((StatusCode::CONFLICT, shared.pages.html(&view)?).into_response());
    }
    let number = shared.web.store.next_number().await?;
    let did = AuditAction::PostEdited;
    posted.editor.audit(&shared, did, number).await;
    Ok(saved(&shared, &post.id))
}

pub async fn show_new(State(shared): State<SharedState>, editor: CurrentUser) -> HandlerResult {
    let post = PostFields::default();
    page(&shared, &new_view(&shared, &editor, post).await?)
}

/// Adds a post. Its words are kept as an edit, too, so that a feed that brings it later
/// does not change them.
pub async fn add(State(shared): State<SharedState>, posted: VerifiedForm) -> HandlerResult {
    let mut typed = typed(&posted);
    let url = web_address(&typed.url);
    if url.is_none() {
        typed.faults.url = Some("enter an address like https://example.com/post".to_owned());
    }
    let (Some((title, excerpt)), Some(url)) = (parse(&mut typed), url) else {
        return refused(&shared, &new_view(&shared, &posted.editor, typed).await?);
    };
    let made = ManualPost {
        title,
        url,
        excerpt,
    };
    let id = match shared.web.digests.keep_by_hand(&made).await? {
        ManualPostOutcome::Kept(id) => id,
        ManualPostOutcome::Sent(number) => {
            typed.faults.url = Some(format!("this post was in No. {number} already"));
            return refused(&shared, &new_view(&shared, &posted.editor, typed).await?);
        }
    };
    let added = |edits: &mut DraftEdits| {
        edits.on(id, |edit| {
            edit.is_added = true;
            edit.is_hidden = false;
            edit.title = Some(made.title.clone());
            edit.excerpt = Some(made.excerpt.clone());
        });
    };
    // It overwrites nothing of anybody's: whoever was quicker, it is added to that.
    loop {
        let mut edits = shared.web.store.draft_edits().await?;
        added(&mut edits);
        if shared.web.store.save_draft_edits(&edits).await? == SaveOutcome::Saved {
            break;
        }
    }
    let number = shared.web.store.next_number().await?;
    posted
        .editor
        .audit(&shared, AuditAction::PostAdded, number)
        .await;
    Ok(saved(&shared, &id))
}

fn saved(shared: &SharedState, post: &PostId) -> Response {
    let word = FlashMessage::Saved.as_str();
    redirect(shared, &format!("/admin/next?done={word}#post-{post}"))
}

/// As its feed has it; not one that is in an issue.
async fn find(shared: &SharedState, id: &str) -> Result<Post, HttpError> {
    let id = PostId::parse(id).map_err(|_| HttpError::NotFound)?;
    let found = shared.web.store.candidate(&id).await?;
    Ok(found.ok_or(HttpError::NotFound)?.post)
}

fn typed(posted: &VerifiedForm) -> PostFields {
    let text = |name| posted.fields.text(name).to_owned();
    PostFields {
        title: text("title"),
        url: text("url"),
        excerpt: text("excerpt"),
        faults: PostFaults::default(),
    }
}

/// The words, if both can be; notes what is wrong with the others.
fn parse(typed: &mut PostFields) -> Option<(Title, Excerpt)> {
    let title = Title::parse(&typed.title);
    let excerpt = Excerpt::parse(&typed.excerpt);
    typed.faults.title = match &title {
        Ok(title) if title.is_empty() => Some("enter a title".to_owned()),
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    };
    typed.faults.excerpt = excerpt.as_ref().err().map(ToString::to_string);
    let title = title.ok().filter(|title| !title.is_empty());
    title.zip(excerpt.ok())
}

fn web_address(typed: &str) -> Option<Url> {
    let url = Url::parse(typed.trim()).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https") && url.as_str().len() <= 2000;
    is_web.then_some(url)
}

async fn view(
    shared: &SharedState,
    editor: &CurrentUser,
    edits: &DraftEdits,
    post: &Post,
    words: PostFields,
) -> Result<EditPost, HttpError> {
    let edit = edits.of(&post.id);
    Ok(EditPost {
        desk: editor.desk(shared),
        number: shared.web.store.next_number().await?.get(),
        id: post.id.to_string(),
        version: edits.version,
        url: post.url.to_string(),
        title: words.title,
        excerpt: words.excerpt,
        feed_title: edit.title.is_some().then(|| post.title.clone()),
        feed_excerpt: edit.excerpt.is_some().then(|| post.excerpt.clone()),
        is_edited: edit.has_text(),
        is_conflict: false,
        faults: words.faults,
    })
}

async fn new_view(
    shared: &SharedState,
    editor: &CurrentUser,
    post: PostFields,
) -> Result<AddPost, HttpError> {
    Ok(AddPost {
        desk: editor.desk(shared),
        number: shared.web.store.next_number().await?.get(),
        post,
    })
}
