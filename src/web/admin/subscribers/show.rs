//! `/admin/subscribers/{id}`: one reader, why they get mail, and every mail they got.

use axum::extract::{Path, Query, State};

use crate::domain::audit::AuditAction;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::{DeliveryRow, SubscriberRecord};
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::response::{HandlerResult, page, redirect, redirect_with_flash};
use crate::web::admin::subscribers::view::{Consent, MailLine, SubscriberPage};
use crate::web::error::HttpError;
use crate::web::pagination::{After, split_page};
use crate::web::state::SharedState;

const PAGE: usize = 25;

pub async fn show(
    State(shared): State<SharedState>,
    editor: CurrentUser,
    Path(id): Path<String>,
    Query(After { after }): Query<After>,
) -> HandlerResult {
    let store = &shared.web.store;
    let id = parse(&id)?;
    let record = store.subscriber_record(&id).await?;
    let record = record.ok_or(HttpError::NotFound)?;
    let after = Some(after.as_str()).filter(|after| !after.is_empty() && !after.contains('\0'));
    let mut mails = store.deliveries_to(&id, after, PAGE as i64 + 1).await?;
    let older = split_page(&mut mails, PAGE).map(|mail| mail.id.clone());
    let view = SubscriberPage {
        desk: editor.desk(&shared),
        id: id.to_string(),
        consent: consent(&record),
        address: record.address,
        name: record.name,
        state: record.state.as_str(),
        since: record.since,
        paused_until: record.paused_until,
        suppressed_why: record.suppressed_why,
        newer: after.is_some(),
        older,
        mails: mails.into_iter().map(line).collect(),
    };
    page(&shared, &view)
}

/// Asks again for confirmation, or lifts a suppression. What cannot be taken back goes by
/// the page that asks first ([`crate::web::admin::subscribers::bulk`]).
pub async fn act(
    State(shared): State<SharedState>,
    Path(id): Path<String>,
    posted: VerifiedForm,
) -> HandlerResult {
    let id = parse(&id)?;
    let subscriptions = &shared.web.subscriptions;
    let (did, notice) = match posted.fields.text("action") {
        "resend" if subscriptions.ask_again(&[id]).await? > 0 => {
            (AuditAction::SubscriberAskedAgain, FlashMessage::AskedAgain)
        }
        "resend" => {
            return Ok(redirect_with_flash(
                &shared,
                &path(&id),
                FlashMessage::AskedLately,
            ));
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
            None => return Ok(redirect(&shared, &path(&id))),
        },
        _ => return Err(HttpError::Unprocessable),
    };
    posted.editor.audit(&shared, did, id).await;
    Ok(redirect_with_flash(&shared, &path(&id), notice))
}

fn path(id: &SubscriberId) -> String {
    format!("/admin/subscribers/{id}")
}

fn parse(id: &str) -> Result<SubscriberId, HttpError> {
    SubscriberId::parse(id).map_err(|_| HttpError::NotFound)
}

fn consent(record: &SubscriberRecord) -> Consent {
    Consent {
        source: record.source.clone(),
        came_at: record.created_at,
        asked_at: record.asked_at,
        asked_ip: record.asked_ip.clone(),
        form_version: record.form_version.clone(),
        confirmed_at: record.confirmed_at,
        confirmed_ip: record.confirmed_ip.clone(),
    }
}

fn line(row: DeliveryRow) -> MailLine {
    MailLine {
        kind: row.kind.as_str(),
        issue: row.issue,
        state: row.state.as_str(),
        attempts: row.attempts,
        at: row.at,
        reply: row.reply,
    }
}
