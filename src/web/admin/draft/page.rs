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

/// Maximum addresses of one test: the colleagues who look at an issue, not a mailing list.
const MAX_TEST_ADDRESSES: usize = 10;
/// Maximum characters of the addresses that are shown again: [`MAX_TEST_ADDRESSES`] of 254 bytes
/// (RFC 5321 §4.5.3.1.3) with separators.
const MAX_TYPED_CHARS: usize = 2600;

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

/// `POST /admin/next/test`: enqueues the draft for some addresses, with the content that an
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
    let addresses = match parse_addresses(typed) {
        Ok(addresses) if can_send(web) => addresses,
        parsed => {
            // With a valid address, missing settings are the reason.
            let error = parsed.err();
            let state = DraftPageState {
                preview: preview_options(&form.fields),
                test_blockers: match error {
                    None => web.missing_settings.clone(),
                    Some(_) => Vec::new(),
                },
                test: Some(TestForm {
                    address: typed.chars().take(MAX_TYPED_CHARS).collect(),
                    error,
                }),
                ..DraftPageState::default()
            };
            let view = draft_page(&shared, &form.user, &draft, state).await?;
            return render_invalid(&shared, &view);
        }
    };
    let now = web.clock.now();
    let payload = web.digests.freeze_test(&draft)?.to_json();
    for address in addresses {
        let delivery = NewDelivery {
            id: DeliveryId::from_stored(web.random.uuid_v7(now).to_string()),
            kind: DeliveryKind::Test,
            subscriber: None,
            address,
            payload: Some(payload.clone()),
        };
        web.store.enqueue(&delivery, now).await?;
    }
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

/// Parses addresses separated by commas, semicolons or white space. The same address counts once.
fn parse_addresses(typed: &str) -> Result<Vec<EmailAddress>, String> {
    let is_separator = |c: char| c == ',' || c == ';' || c.is_whitespace();
    let texts = typed.split(is_separator).filter(|text| !text.is_empty());
    let mut addresses = Vec::new();
    for text in texts {
        let address = EmailAddress::parse(text).map_err(|error| error.to_string())?;
        if !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    match addresses.len() {
        0 => EmailAddress::parse("")
            .map(|address| vec![address])
            .map_err(|error| error.to_string()),
        1..=MAX_TEST_ADDRESSES => Ok(addresses),
        count => Err(format!(
            "{count} addresses; expected at most {MAX_TEST_ADDRESSES}"
        )),
    }
}

/// Returns whether a test can be sent. Missing settings do not matter for the outbox.
fn can_send(web: &Services) -> bool {
    web.missing_settings.is_empty() || web.outbox.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_addresses_accepts_several_with_any_separator() {
        let parsed = |typed: &str| -> Vec<String> {
            let addresses = parse_addresses(typed).unwrap();
            addresses.iter().map(ToString::to_string).collect()
        };
        assert_eq!(parsed(" ann@example.net "), ["ann@example.net"]);
        assert_eq!(
            parsed("ann@example.net, bob@example.net;eve@example.net\nann@example.net"),
            ["ann@example.net", "bob@example.net", "eve@example.net"]
        );
    }

    #[test]
    fn parse_addresses_rejects_none_invalid_and_too_many() {
        for typed in ["", " , ", "ann@example.net, bob"] {
            assert!(parse_addresses(typed).is_err(), "{typed}");
        }
        let addresses: Vec<String> = (0..11).map(|n| format!("a{n}@example.net")).collect();
        let error = parse_addresses(&addresses.join(",")).unwrap_err();
        assert!(error.contains("at most 10"), "{error}");
        assert!(parse_addresses(&addresses[1..].join(",")).is_ok());
    }
}
