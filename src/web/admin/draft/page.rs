//! `/admin/next`: the next issue as it stands, tried before it goes out.

use axum::extract::{Query, State};
use serde::Deserialize;

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::delivery::{DeliveryId, DeliveryKind};
use crate::domain::email_address::EmailAddress;
use crate::store::NewDelivery;
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::draft::edit::{self, Saving};
use crate::web::admin::draft::preview;
use crate::web::admin::draft::view::{DraftPageState, draft_view};
use crate::web::admin::draft::view::{PreviewOptions, TestForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::response::{HandlerResult, page, redirect, refused};
use crate::web::state::SharedState;
use crate::web::{Services, headers};

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
    page(&shared, &draft_view(&shared, &editor, &draft, told).await?)
}

/// What the sandboxed frame shows.
pub async fn html(
    State(shared): State<SharedState>,
    _editor: CurrentUser,
    Query(asked): Query<Asked>,
) -> HandlerResult {
    let draft = shared.web.digests.draft().await?;
    let (content, _) = shared.web.digests.sample(&draft)?;
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
    if !web.digests.has_enough(&draft) {
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
            let view = draft_view(&shared, &posted.editor, &draft, told).await?;
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
