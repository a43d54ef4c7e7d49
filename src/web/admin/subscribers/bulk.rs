//! `/admin/subscribers/many`: one action on many subscribers, after a confirmation page.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::clock::Timestamp;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::{PageDirection, StoreError, SubscriberFilter};
use crate::subscription::BulkAction;
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::form::FormFields;
use crate::web::admin::response::{HandlerResult, redirect, render};
use crate::web::admin::subscribers::list_query::ListQuery;
use crate::web::admin::subscribers::tasks::BulkTask;
use crate::web::admin::subscribers::view::{BulkPage, BulkProgressPage, ListLink};
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// Selected subscribers of one form. A page of the list has fewer.
const MAX_SELECTED: usize = 500;

/// Limit for counting search results, which are counted one by one. Whole states have
/// stored counts.
const MAX_COUNTED: i64 = 5_000;

/// Addresses that the confirmation page names.
const SHOWN_ADDRESSES: usize = 10;

/// The subscribers that an action applies to.
#[derive(Clone, Debug)]
enum Selection {
    /// Subscribers that were selected in the list.
    Ids(Vec<SubscriberId>),
    /// All subscribers of a list.
    List(ListQuery),
}

impl Selection {
    fn from_fields(fields: &FormFields, action: BulkAction) -> Self {
        if fields.text("whom") == "all" {
            // A confirmation can be resent only to pending subscribers.
            let state = match action {
                BulkAction::ResendConfirmation => SubscriberState::Pending.as_str(),
                BulkAction::Unsubscribe | BulkAction::Erase => fields.text("state"),
            };
            return Self::List(ListQuery {
                state: state.to_owned(),
                ..ListQuery::from_fields(fields)
            });
        }
        let ids = fields.texts("id").take(MAX_SELECTED);
        Self::Ids(ids.filter_map(|id| SubscriberId::parse(id).ok()).collect())
    }
}

/// `GET /admin/subscribers/many`: the confirmation page.
pub async fn confirm(
    State(shared): State<SharedState>,
    user: CurrentUser,
    RawQuery(query): RawQuery,
) -> HandlerResult {
    let fields = FormFields::from_query(query.as_deref().unwrap_or_default());
    let action = BulkAction::parse(fields.text("do")).ok_or(HttpError::NotFound)?;
    let store = &shared.web.store;
    let (mut rows, ids, query, count) = match Selection::from_fields(&fields, action) {
        Selection::Ids(ids) => {
            let mut rows = store.subscribers_by_id(&ids).await?;
            rows.retain(|row| action.applies_to(row.state));
            let ids: Vec<String> = rows.iter().map(|row| row.id.to_string()).collect();
            let count = rows.len() as i64;
            (rows, ids, ListQuery::default(), count)
        }
        Selection::List(query) => {
            let filter = query.filter();
            let first = store
                .subscribers(&filter, PageDirection::First, SHOWN_ADDRESSES)
                .await?;
            let count = count(&shared, &filter).await?;
            (first, Vec::new(), query, count)
        }
    };
    rows.truncate(SHOWN_ADDRESSES);
    let filter = query.filter();
    let view = BulkPage {
        layout: user.layout(&shared),
        action: action.as_str(),
        count,
        is_capped: count == MAX_COUNTED && filter.search.is_some(),
        is_whole_list: ids.is_empty() && count > 0,
        addresses: rows.into_iter().map(|row| row.address).collect(),
        ids,
        query: query.search_text(),
        state: filter.state.map(|state| state.as_str()),
        list: (&ListQuery::from_fields(&fields)).into(),
    };
    render(&shared, &view)
}

async fn count(shared: &SharedState, filter: &SubscriberFilter) -> Result<i64, StoreError> {
    let store = &shared.web.store;
    if filter.search.is_some() {
        return store.count_subscribers(filter, MAX_COUNTED).await;
    }
    let counts = store.subscriber_counts().await?.into_iter();
    let counts = counts.filter(|(state, _)| filter.state.is_none_or(|wanted| wanted == *state));
    Ok(counts.map(|(_, count)| count).sum())
}

/// `POST /admin/subscribers/many`: applies the action at once to selected subscribers, and
/// in a background task to a whole list.
pub async fn apply(State(shared): State<SharedState>, form: VerifiedForm) -> HandlerResult {
    let fields = &form.fields;
    let action = BulkAction::parse(fields.text("do")).ok_or(HttpError::Unprocessable)?;
    match Selection::from_fields(fields, action) {
        Selection::Ids(ids) => {
            let rows = shared.web.store.subscribers_by_id(&ids).await?;
            let count = shared.web.subscriptions.apply(action, &rows).await?;
            if count > 0 {
                let target = AuditTarget::Subscribers(count);
                form.user.audit(&shared, audit_action(action), target).await;
            }
            let message = Some(flash_message(action, count));
            let path = ListQuery::from_fields(fields).path(message);
            Ok(redirect(&shared, &path))
        }
        Selection::List(query) => {
            let seen_at = fields.text("seen").parse().map(Timestamp::from_millis);
            let seen_at = seen_at.map_err(|_| HttpError::Unprocessable)?;
            let list_path = ListQuery::from_fields(fields).path(None);
            let task = Arc::new(BulkTask::new(action, list_path));
            let id = shared.web.random.uuid_v7(shared.now()).to_string();
            let bulk_tasks = &shared.web.list_work.bulk_tasks;
            bulk_tasks.insert(id.clone(), Arc::clone(&task));
            let (user, background) = (form.user, Arc::clone(&shared));
            tokio::spawn(async move {
                let subscriptions = &background.web.subscriptions;
                let count = task.run(subscriptions, query.filter(), seen_at).await;
                let target = AuditTarget::Subscribers(count);
                user.audit(&background, audit_action(action), target).await;
            });
            Ok(redirect(&shared, &format!("/admin/subscribers/many/{id}")))
        }
    }
}

/// `POST /admin/subscribers/resend`: resends the confirmation to one pending subscriber,
/// from the button in the list.
pub async fn resend(State(shared): State<SharedState>, form: VerifiedForm) -> HandlerResult {
    let id = SubscriberId::parse(form.fields.text("reader"));
    let id = id.map_err(|_| HttpError::Unprocessable)?;
    let count = shared.web.subscriptions.resend_confirmations(&[id]).await?;
    if count > 0 {
        let action = AuditAction::SubscriberAskedAgain;
        form.user.audit(&shared, action, id).await;
    }
    let message = Some(flash_message(BulkAction::ResendConfirmation, count));
    let path = ListQuery::from_fields(&form.fields).path(message);
    Ok(redirect(&shared, &path))
}

impl From<&ListQuery> for ListLink {
    fn from(query: &ListQuery) -> Self {
        Self {
            query: query.search_text(),
            state: query.filter().state.map(|state| state.as_str()),
            order: query.order_name(),
            path: query.path(None),
        }
    }
}

const fn audit_action(action: BulkAction) -> AuditAction {
    match action {
        BulkAction::Unsubscribe => AuditAction::SubscribersUnsubscribed,
        BulkAction::Erase => AuditAction::SubscribersErased,
        BulkAction::ResendConfirmation => AuditAction::SubscribersAskedAgain,
    }
}

const fn flash_message(action: BulkAction, count: u64) -> FlashMessage {
    match (action, count) {
        (BulkAction::ResendConfirmation, 0) => FlashMessage::ConfirmationNotResent,
        (_, 0) => FlashMessage::AlreadyUnsubscribed,
        (BulkAction::ResendConfirmation, _) => FlashMessage::ConfirmationResent,
        (BulkAction::Unsubscribe, _) => FlashMessage::Unsubscribed,
        (BulkAction::Erase, _) => FlashMessage::Erased,
    }
}

/// `GET /admin/subscribers/many/{id}`: the progress of a background task.
pub async fn show(
    State(shared): State<SharedState>,
    user: CurrentUser,
    Path(id): Path<String>,
) -> HandlerResult {
    let task = shared.web.list_work.bulk_tasks.get(&id);
    let task = task.ok_or(HttpError::NotFound)?;
    let progress = task.progress();
    let view = BulkProgressPage {
        layout: user.layout(&shared),
        id,
        action: task.action.as_str(),
        list_path: task.list_path.clone(),
        processed: progress.processed,
        applied: progress.applied,
        is_finished: progress.succeeded.is_some(),
        has_failed: progress.succeeded == Some(false),
    };
    render(&shared, &view)
}
