//! `/admin/next`: the next issue as it stands, tried before it goes out.

use axum::extract::{Query, State};
use serde::Deserialize;

use crate::digest::{self, Draft};
use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::delivery::{DeliveryId, DeliveryKind};
use crate::domain::email_address::EmailAddress;
use crate::domain::issue::draft_edits::DraftEdits;
use crate::store::NewDelivery;
use crate::web::admin::edit::{self, Saving};
use crate::web::admin::editor::{CurrentUser, VerifiedForm};
use crate::web::admin::views::{
    ChosenPost, Conflict, FlashMessage, LeftOut, Next, PreviewOptions, TestForm, Words,
};
use crate::web::admin::{HandlerResult, deed, page, preview, redirect, refused};
use crate::web::error::HttpError;
use crate::web::middleware::headers;
use crate::web::state::SharedState;
use crate::web::{Services, upcoming};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    show: String,
    width: String,
    theme: String,
}

impl Asked {
    fn look(&self) -> PreviewOptions {
        PreviewOptions::of(&self.show, &self.width, &self.theme)
    }
}

pub async fn show(
    State(shared): State<SharedState>,
    editor: CurrentUser,
    Query(asked): Query<Asked>,
) -> HandlerResult {
    let draft = shared.web.digests.draft().await?;
    let told = DraftPageState {
        look: asked.look(),
        ..DraftPageState::default()
    };
    page(&shared, &view(&shared, &editor, &draft, told).await?)
}

/// What the sandboxed frame shows.
pub async fn html(
    State(shared): State<SharedState>,
    _editor: CurrentUser,
    Query(asked): Query<Asked>,
) -> HandlerResult {
    let draft = shared.web.digests.draft().await?;
    let (content, _) = shared.web.digests.render_sample(&draft)?;
    let shown = preview::in_the_light(&content.html, asked.look().dark);
    Ok(headers::mail_frame(shown))
}

/// Queues the draft, frozen as a send would freeze it, for one address.
pub async fn test(State(shared): State<SharedState>, posted: VerifiedForm) -> HandlerResult {
    let web = &shared.web;
    if let Saving::Answered(answer) = edit::save_typed(&shared, &posted).await? {
        return Ok(answer);
    }
    let draft = web.digests.draft().await?;
    if !web.digests.has_enough_content(&draft) {
        return Ok(redirect(&shared, "/admin/next"));
    }
    let typed = posted.fields.text("email");
    let address = match EmailAddress::parse(typed) {
        Ok(address) if can_leave(web) => address,
        parsed => {
            // The address is not at fault when the newsletter is not ready.
            let fault = parsed.err().map(|error| error.to_string());
            let told = DraftPageState {
                look: edit::look(&posted.fields),
                test_blockers: match fault {
                    None => web.not_ready.clone(),
                    Some(_) => Vec::new(),
                },
                test: Some(TestForm {
                    address: typed.chars().take(254).collect(),
                    fault,
                }),
                ..DraftPageState::default()
            };
            let view = view(&shared, &posted.editor, &draft, told).await?;
            return refused(&shared, &view);
        }
    };
    let now = web.clock.now();
    let mail = NewDelivery {
        id: DeliveryId::from_stored(web.random.uuid_v7(now).to_string()),
        kind: DeliveryKind::Test,
        subscriber: None,
        address,
        payload: Some(web.digests.freeze(&draft).to_json()),
    };
    web.store.enqueue(&mail, now).await?;
    let did = AuditAction::TestSent;
    posted
        .editor
        .audit(&shared, did, AuditTarget::Nothing)
        .await;
    Ok(edit::back(
        &shared,
        &posted.fields,
        Some(FlashMessage::TestQueued),
        "",
    ))
}

/// Reads the feeds now.
pub async fn collect(State(shared): State<SharedState>, posted: VerifiedForm) -> HandlerResult {
    if let Saving::Answered(answer) = edit::save_typed(&shared, &posted).await? {
        return Ok(answer);
    }
    shared.web.digests.collect().await?;
    Ok(edit::back(
        &shared,
        &posted.fields,
        Some(FlashMessage::FeedsRead),
        "",
    ))
}

/// Without a sender nothing is delivered to a real server; the outbox takes all.
fn can_leave(web: &Services) -> bool {
    web.not_ready.is_empty() || web.outbox.is_some()
}

/// What the page tells besides how the draft stands.
#[derive(Default)]
pub(super) struct DraftPageState {
    pub look: PreviewOptions,
    /// What was typed and not saved.
    pub typed: Option<Words>,
    pub conflict: Option<Conflict>,
    pub test: Option<TestForm>,
    pub test_blockers: Vec<String>,
}

pub(super) async fn view(
    shared: &SharedState,
    editor: &CurrentUser,
    draft: &Draft,
    told: DraftPageState,
) -> Result<Next, HttpError> {
    let web = &shared.web;
    let (upcoming, goes_at) = upcoming::ahead(web).await?;
    let (content, _) = web.digests.render_sample(draft)?;
    let test = told.test.unwrap_or_else(|| TestForm {
        address: editor.admin.address.to_string(),
        fault: None,
    });
    let words = told.typed.unwrap_or_else(|| words(&draft.edits));
    let subject = [&words.subject, &draft.subject]
        .into_iter()
        .find(|it| !it.is_empty());
    let left_out = draft.selection.excluded.iter();
    Ok(Next {
        desk: editor.desk(shared),
        number: draft.number.get(),
        version: draft.edits.version,
        subject: draft.subject.clone(),
        subject_length: subject.map_or(0, |subject| subject.chars().count()),
        preheader: draft.preheader.clone(),
        words,
        conflict: told.conflict,
        upcoming,
        goes_at,
        readers: draft.recipients,
        posts: chosen(draft),
        left_out: left_out
            .map(|(post, why)| LeftOut {
                id: post.id.to_string(),
                title: post.title.clone(),
                why: why.to_string(),
                is_hidden: *why == digest::Exclusion::Hidden,
            })
            .collect(),
        has_places: draft.edits.has_positions(),
        is_enough: web.digests.has_enough_content(draft),
        min_posts: web.digests.rules.min_posts,
        look: told.look,
        text: content.text,
        kilobytes: draft.size.div_ceil(1000),
        test,
        test_blockers: told.test_blockers,
    })
}

/// The stored words, as the form shows them.
pub(super) fn words(edits: &DraftEdits) -> Words {
    let text = |words: Option<&str>| words.unwrap_or_default().to_owned();
    Words {
        subject: text(edits.subject.as_ref().map(|it| it.as_str())),
        preheader: text(edits.preheader.as_ref().map(|it| it.as_str())),
        note: text(edits.note.as_ref().map(|it| it.as_str())),
        ..Words::default()
    }
}

fn chosen(draft: &Draft) -> Vec<ChosenPost> {
    let posts = &draft.selection.chosen;
    let line = |at: usize| {
        let (post, why) = &posts[at];
        let edit = draft.edits.for_post(&post.id);
        ChosenPost {
            id: post.id.to_string(),
            title: post.title.clone(),
            url: post.url.to_string(),
            excerpt: post.excerpt.clone(),
            published_at: post.published_at,
            why: why.to_string(),
            is_pinned: edit.is_pinned,
            is_edited: edit.has_text(),
            can_rise: at > 0 && deed::may_swap(draft, at - 1),
            can_sink: deed::may_swap(draft, at),
        }
    };
    (0..posts.len()).map(line).collect()
}
