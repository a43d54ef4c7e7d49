//! `/admin/next/posts/{id}`: title and excerpt of a post in the next issue; and
//! `/admin/next/add`: a post that no feed contains.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use url::Url;

use crate::digest::ManualPost;
use crate::domain::audit::AuditAction;
use crate::domain::issue::draft_edits::DraftEdits;
use crate::domain::issue::post::{Post, PostId};
use crate::domain::issue::text::{Excerpt, Title};
use crate::store::{ManualPostOutcome, SaveOutcome};
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::layout::AdminLayout;
use crate::web::admin::response::{HandlerResult, redirect, render, render_invalid};
use crate::web::error::HttpError;
use crate::web::render::templates;
use crate::web::state::SharedState;

templates! {
    EditPostPage => "admin/post.html",
    AddPostPage => "admin/add_post.html",
}

/// Maximum number of characters of a post's URL.
const MAX_URL_CHARS: usize = 2000;

/// Errors of the fields of a post.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PostErrors {
    /// Error of the title.
    pub title: Option<String>,
    /// Error of the URL.
    pub url: Option<String>,
    /// Error of the excerpt.
    pub excerpt: Option<String>,
}

/// Data of `GET /admin/next/posts/{id}`. Posts `version`, `title` and `excerpt` there; with
/// `do=restore` the feed's title and excerpt are restored.
#[derive(Clone, Debug, Serialize)]
pub struct EditPostPage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// The number that the issue will have.
    pub number: i64,
    /// The post's id.
    pub id: String,
    /// Version of the edits that the page shows.
    pub version: i64,
    /// The post's URL.
    pub url: String,
    /// Title as typed or edited.
    pub title: String,
    /// Excerpt as typed or edited.
    pub excerpt: String,
    /// The feed's title, if it was edited.
    pub feed_title: Option<String>,
    /// The feed's excerpt, if it was edited.
    pub feed_excerpt: Option<String>,
    /// Whether title or excerpt were edited.
    pub is_edited: bool,
    /// Whether the draft was saved concurrently, so that nothing was saved.
    pub is_conflict: bool,
    /// Errors of the fields.
    pub errors: PostErrors,
}

/// Fields of a post that no feed contains.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PostFields {
    /// Title as typed.
    pub title: String,
    /// URL as typed.
    pub url: String,
    /// Excerpt as typed.
    pub excerpt: String,
    /// Errors of the fields.
    pub errors: PostErrors,
}

/// Data of `GET /admin/next/add`. Posts `title`, `url` and `excerpt` there.
#[derive(Clone, Debug, Serialize)]
pub struct AddPostPage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// The number that the issue will have.
    pub number: i64,
    /// The form.
    pub post: PostFields,
}

/// `GET /admin/next/posts/{id}`
pub async fn show(
    State(shared): State<SharedState>,
    user: CurrentUser,
    Path(id): Path<String>,
) -> HandlerResult {
    let post = find_post(&shared, &id).await?;
    let edits = shared.web.store.draft_edits().await?;
    let mut edited = post.clone();
    edits.for_post(&post.id).apply_to(&mut edited);
    let fields = PostFields {
        title: edited.title,
        excerpt: edited.excerpt,
        ..PostFields::default()
    };
    let view = edit_page(&shared, &user, &edits, &post, fields).await?;
    render(&shared, &view)
}

/// `POST /admin/next/posts/{id}`: saves or restores the post's title and excerpt.
pub async fn change(
    State(shared): State<SharedState>,
    Path(id): Path<String>,
    form: VerifiedForm,
) -> HandlerResult {
    let store = &shared.web.store;
    let post = find_post(&shared, &id).await?;
    let before = store.draft_edits().await?;
    let version = form.fields.text("version").parse::<i64>();
    let is_outdated = version.map_err(|_| HttpError::Unprocessable)? != before.version;
    let mut fields = typed_fields(&form);
    let mut after = before.clone();
    if form.fields.text("do") == "restore" {
        after.update(post.id, |edit| (edit.title, edit.excerpt) = (None, None));
    } else if let Some((title, excerpt)) = parse(&mut fields) {
        // A field that equals the feed's keeps following the feed.
        after.update(post.id, |edit| {
            edit.title = Some(title).filter(|title| title.as_str() != post.title);
            edit.excerpt = Some(excerpt).filter(|excerpt| excerpt.as_str() != post.excerpt);
        });
    } else {
        let view = edit_page(&shared, &form.user, &before, &post, fields).await?;
        return render_invalid(&shared, &view);
    }
    if is_outdated || store.save_draft_edits(&after).await? == SaveOutcome::Conflict {
        let stored = store.draft_edits().await?;
        let mut view = edit_page(&shared, &form.user, &stored, &post, fields).await?;
        view.is_conflict = true;
        return Ok((StatusCode::CONFLICT, shared.pages.html(&view)?).into_response());
    }
    let number = store.next_number().await?;
    form.user
        .audit(&shared, AuditAction::PostEdited, number)
        .await;
    Ok(redirect_saved(&shared, &post.id))
}

/// `GET /admin/next/add`
pub async fn show_new(State(shared): State<SharedState>, user: CurrentUser) -> HandlerResult {
    let view = add_page(&shared, &user, PostFields::default()).await?;
    render(&shared, &view)
}

/// `POST /admin/next/add`: adds a post.
///
/// Title and excerpt are also stored as an edit, so that a feed that contains the post
/// later does not change them.
pub async fn add(State(shared): State<SharedState>, form: VerifiedForm) -> HandlerResult {
    let mut fields = typed_fields(&form);
    let url = parse_web_url(&fields.url);
    if url.is_none() {
        fields.errors.url = Some("enter an address like https://example.com/post".to_owned());
    }
    let (Some((title, excerpt)), Some(url)) = (parse(&mut fields), url) else {
        return render_invalid(&shared, &add_page(&shared, &form.user, fields).await?);
    };
    let post = ManualPost {
        title,
        url,
        excerpt,
    };
    let id = match shared.web.digests.add_manual_post(&post).await? {
        ManualPostOutcome::Stored(id) => id,
        ManualPostOutcome::InIssue(number) => {
            fields.errors.url = Some(format!("this post was already in No. {number}"));
            return render_invalid(&shared, &add_page(&shared, &form.user, fields).await?);
        }
    };
    let include = |edits: &mut DraftEdits| {
        edits.update(id, |edit| {
            edit.is_added = true;
            edit.is_hidden = false;
            edit.title = Some(post.title.clone());
            edit.excerpt = Some(post.excerpt.clone());
        });
    };
    // Adding overwrites nothing, so after a conflict it is repeated on the newer version.
    loop {
        let mut edits = shared.web.store.draft_edits().await?;
        include(&mut edits);
        if shared.web.store.save_draft_edits(&edits).await? == SaveOutcome::Saved {
            break;
        }
    }
    let number = shared.web.store.next_number().await?;
    form.user
        .audit(&shared, AuditAction::PostAdded, number)
        .await;
    Ok(redirect_saved(&shared, &id))
}

fn redirect_saved(shared: &SharedState, post: &PostId) -> Response {
    let saved = FlashMessage::Saved.as_str();
    redirect(shared, &format!("/admin/next?done={saved}#post-{post}"))
}

/// Returns the post as its feed contains it. A post that was in an issue is not found.
async fn find_post(shared: &SharedState, id: &str) -> Result<Post, HttpError> {
    let id = PostId::parse(id).map_err(|_| HttpError::NotFound)?;
    let candidate = shared.web.store.candidate(&id).await?;
    Ok(candidate.ok_or(HttpError::NotFound)?.post)
}

fn typed_fields(form: &VerifiedForm) -> PostFields {
    let text = |name| form.fields.text(name).to_owned();
    PostFields {
        title: text("title"),
        url: text("url"),
        excerpt: text("excerpt"),
        errors: PostErrors::default(),
    }
}

/// Parses title and excerpt, and stores their errors in `fields`.
fn parse(fields: &mut PostFields) -> Option<(Title, Excerpt)> {
    let title = Title::parse(&fields.title);
    let excerpt = Excerpt::parse(&fields.excerpt);
    fields.errors.title = match &title {
        Ok(title) if title.is_empty() => Some("enter a title".to_owned()),
        Ok(_) => None,
        Err(error) => Some(error.to_string()),
    };
    fields.errors.excerpt = excerpt.as_ref().err().map(ToString::to_string);
    let title = title.ok().filter(|title| !title.is_empty());
    title.zip(excerpt.ok())
}

fn parse_web_url(typed: &str) -> Option<Url> {
    let url = Url::parse(typed.trim()).ok()?;
    let is_valid = matches!(url.scheme(), "http" | "https") && url.as_str().len() <= MAX_URL_CHARS;
    is_valid.then_some(url)
}

async fn edit_page(
    shared: &SharedState,
    user: &CurrentUser,
    edits: &DraftEdits,
    post: &Post,
    fields: PostFields,
) -> Result<EditPostPage, HttpError> {
    let edit = edits.for_post(&post.id);
    Ok(EditPostPage {
        layout: user.layout(shared),
        number: shared.web.store.next_number().await?.get(),
        id: post.id.to_string(),
        version: edits.version,
        url: post.url.to_string(),
        title: fields.title,
        excerpt: fields.excerpt,
        feed_title: edit.title.is_some().then(|| post.title.clone()),
        feed_excerpt: edit.excerpt.is_some().then(|| post.excerpt.clone()),
        is_edited: edit.has_text(),
        is_conflict: false,
        errors: fields.errors,
    })
}

async fn add_page(
    shared: &SharedState,
    user: &CurrentUser,
    post: PostFields,
) -> Result<AddPostPage, HttpError> {
    Ok(AddPostPage {
        layout: user.layout(shared),
        number: shared.web.store.next_number().await?.get(),
        post,
    })
}
