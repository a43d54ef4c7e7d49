//! `/admin/subscribers/{id}`: one subscriber, their consent, and the emails they got.

use axum::extract::{Path, Query, State};

use crate::domain::audit::AuditAction;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::{DeliveryRow, SubscriberRecord};
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::response::{HandlerResult, redirect, redirect_with_flash, render};
use crate::web::admin::subscribers::view::{Consent, EmailRow, SubscriberPage};
use crate::web::error::HttpError;
use crate::web::pagination::{After, split_page};
use crate::web::state::SharedState;

/// Emails per page.
const PAGE_SIZE: usize = 25;

/// `GET /admin/subscribers/{id}`
pub async fn show(
    State(shared): State<SharedState>,
    user: CurrentUser,
    Path(id): Path<String>,
    Query(After { after }): Query<After>,
) -> HandlerResult {
    let store = &shared.web.store;
    let id = parse_id(&id)?;
    let record = store.subscriber_record(&id).await?;
    let record = record.ok_or(HttpError::NotFound)?;
    // PostgreSQL rejects NUL in text.
    let after = Some(after.as_str()).filter(|after| !after.is_empty() && !after.contains('\0'));
    let mut deliveries = store
        .subscriber_deliveries(&id, after, PAGE_SIZE as i64 + 1)
        .await?;
    let older = split_page(&mut deliveries, PAGE_SIZE).map(|delivery| delivery.id.clone());
    let view = SubscriberPage {
        layout: user.layout(&shared),
        id: id.to_string(),
        consent: consent(&record),
        address: record.address,
        name: record.name,
        state: record.state.as_str(),
        since: record.since,
        paused_until: record.paused_until,
        suppression_reply: record.suppression_reason,
        newer: after.is_some(),
        older,
        emails: deliveries.into_iter().map(email_row).collect(),
    };
    render(&shared, &view)
}

/// `POST /admin/subscribers/{id}`: resends the confirmation, or lifts a suppression.
///
/// Irreversible actions go through the confirmation page of
/// [`bulk`](crate::web::admin::subscribers::bulk).
pub async fn submit_action(
    State(shared): State<SharedState>,
    Path(id): Path<String>,
    form: VerifiedForm,
) -> HandlerResult {
    let id = parse_id(&id)?;
    let path = format!("/admin/subscribers/{id}");
    let subscriptions = &shared.web.subscriptions;
    let (action, message) = match form.fields.text("action") {
        "resend" if subscriptions.resend_confirmations(&[id]).await? > 0 => (
            AuditAction::SubscriberAskedAgain,
            FlashMessage::ConfirmationResent,
        ),
        "resend" => {
            let message = FlashMessage::ConfirmationNotResent;
            return Ok(redirect_with_flash(&shared, &path, message));
        }
        "lift" => match subscriptions.lift_suppression(&id).await? {
            Some(SubscriberState::Confirmed) => (
                AuditAction::SuppressionLifted,
                FlashMessage::SuppressionLifted,
            ),
            Some(_) => (
                AuditAction::SuppressionLifted,
                FlashMessage::SuppressionLiftedUnconfirmed,
            ),
            None => return Ok(redirect(&shared, &path)),
        },
        _ => return Err(HttpError::Unprocessable),
    };
    form.user.audit(&shared, action, id).await;
    Ok(redirect_with_flash(&shared, &path, message))
}

fn parse_id(id: &str) -> Result<SubscriberId, HttpError> {
    SubscriberId::parse(id).map_err(|_| HttpError::NotFound)
}

fn consent(record: &SubscriberRecord) -> Consent {
    Consent {
        source: record.source.clone(),
        added_at: record.created_at,
        requested_at: record.asked_at,
        requested_ip: record.asked_ip.clone(),
        form_version: record.form_version.clone(),
        confirmed_at: record.confirmed_at,
        confirmed_ip: record.confirmed_ip.clone(),
    }
}

fn email_row(delivery: DeliveryRow) -> EmailRow {
    EmailRow {
        kind: delivery.kind.as_str(),
        issue: delivery.issue,
        state: delivery.state.as_str(),
        attempts: delivery.attempts,
        at: delivery.at,
        reply: delivery.reply,
    }
}
