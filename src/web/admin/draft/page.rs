//! `/admin/next`: the next issue, its preview and its test.

use axum::extract::{Query, State};
use serde::Deserialize;

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::delivery::{DeliveryId, DeliveryKind};
use crate::domain::email_address::EmailAddress;
use crate::store::NewDelivery;
use crate::web::Services;
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::draft::edit::{SaveResult, preview_options, redirect_back, save_form};
use crate::web::admin::draft::preview::{PreviewOptions, force_color_scheme};
use crate::web::admin::draft::view::{DraftPageState, TestForm, draft_page};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::response::{HandlerResult, redirect, render, render_invalid};
use crate::web::middleware::headers;
use crate::web::state::SharedState;

/// Characters of a typed address that the form shows again. No address is longer.
const MAX_ADDRESS_CHARS: usize = 254;

/// Query of the draft page and of its preview.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct PreviewQuery {
    show: String,
    width: String,
    theme: String,
}

impl PreviewQuery {
    fn options(&self) -> PreviewOptions {
        PreviewOptions::parse(&self.show, &self.width, &self.theme)
    }
}

/// `GET /admin/next`
pub async fn show(
    State(shared): State<SharedState>,
    user: CurrentUser,
    Query(query): Query<PreviewQuery>,
) -> HandlerResult {
    let draft = shared.web.digests.draft().await?;
    let state = DraftPageState {
        preview: query.options(),
        ..DraftPageState::default()
    };
    render(&shared, &draft_page(&shared, &user, &draft, state).await?)
}

/// `GET /admin/next/html`: the email, for the sandboxed frame.
pub async fn preview_html(
    State(shared): State<SharedState>,
    _user: CurrentUser,
    Query(query): Query<PreviewQuery>,
) -> HandlerResult {
    let draft = shared.web.digests.draft().await?;
    let (content, _) = shared.web.digests.render_sample(&draft)?;
    let html = force_color_scheme(&content.html, query.options().dark);
    Ok(headers::mail_frame(html))
}

/// `POST /admin/next/test`: enqueues the draft for one address, with the content that an
/// issue would have now.
pub async fn send_test(State(shared): State<SharedState>, form: VerifiedForm) -> HandlerResult {
    let web = &shared.web;
    if let SaveResult::Rejected(response) = save_form(&shared, &form).await? {
        return Ok(response);
    }
    let draft = web.digests.draft().await?;
    if !web.digests.has_enough_content(&draft) {
        return Ok(redirect(&shared, "/admin/next"));
    }
    let typed = form.fields.text("email");
    let address = match EmailAddress::parse(typed) {
        Ok(address) if can_send(web) => address,
        parsed => {
            // With a valid address, missing settings are the reason.
            let error = parsed.err().map(|error| error.to_string());
            let state = DraftPageState {
                preview: preview_options(&form.fields),
                test_blockers: match error {
                    None => web.not_ready.clone(),
                    Some(_) => Vec::new(),
                },
                test: Some(TestForm {
                    address: typed.chars().take(MAX_ADDRESS_CHARS).collect(),
                    error,
                }),
                ..DraftPageState::default()
            };
            let view = draft_page(&shared, &form.user, &draft, state).await?;
            return render_invalid(&shared, &view);
        }
    };
    let now = web.clock.now();
    let delivery = NewDelivery {
        id: DeliveryId::from_stored(web.random.uuid_v7(now).to_string()),
        kind: DeliveryKind::Test,
        subscriber: None,
        address,
        payload: Some(web.digests.freeze(&draft).to_json()),
    };
    web.store.enqueue(&delivery, now).await?;
    form.user
        .audit(&shared, AuditAction::TestSent, AuditTarget::Nothing)
        .await;
    let message = Some(FlashMessage::TestQueued);
    Ok(redirect_back(&shared, &form.fields, message, ""))
}

/// `POST /admin/next/collect`: fetches the feeds now.
pub async fn check_feeds(State(shared): State<SharedState>, form: VerifiedForm) -> HandlerResult {
    if let SaveResult::Rejected(response) = save_form(&shared, &form).await? {
        return Ok(response);
    }
    shared.web.digests.collect().await?;
    let message = Some(FlashMessage::FeedsRead);
    Ok(redirect_back(&shared, &form.fields, message, ""))
}

/// Returns whether a test can be sent. Missing settings do not matter for the outbox.
fn can_send(web: &Services) -> bool {
    web.not_ready.is_empty() || web.outbox.is_some()
}
