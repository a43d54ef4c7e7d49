//! `/admin/subscribers`: the list of subscribers, and adding one.

use axum::extract::{Query, State};

use crate::domain::audit::AuditAction;
use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::{LastDelivery, PageDirection, Store, StoreError, SubscriberRow};
use crate::subscription::ImportOptions;
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::response::{HandlerResult, redirect_with_flash, render, render_invalid};
use crate::web::admin::subscribers::list_query::{ListQuery, MAX_ADDRESS_CHARS};
use crate::web::admin::subscribers::source::{SourceError, parse_source};
use crate::web::admin::subscribers::view::{
    AddSubscriber, LastDeliveryView, SubscriberCounts, SubscriberTableRow, SubscribersPage,
};
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// Subscribers per page. With long names and addresses the page stays below 60 KB.
const PAGE_SIZE: usize = 20;

/// Issues in which the last delivery of a subscriber is searched: a month of weekly issues.
const RECENT_ISSUES: i64 = 4;

/// Why a subscriber was not added.
#[derive(Debug, thiserror::Error)]
enum AddError {
    #[error(transparent)]
    Address(#[from] EmailAddressError),
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// `GET /admin/subscribers`
pub async fn show(
    State(shared): State<SharedState>,
    user: CurrentUser,
    Query(query): Query<ListQuery>,
) -> HandlerResult {
    let view = subscribers_page(&shared, &user, &query, AddSubscriber::default()).await?;
    render(&shared, &view)
}

/// `POST /admin/subscribers`: adds a confirmed subscriber. An address that unsubscribed,
/// was erased or bounced is not added.
pub async fn add(State(shared): State<SharedState>, form: VerifiedForm) -> HandlerResult {
    let fields = &form.fields;
    let (address, options) = match parse(fields.text("email"), fields.text("source")) {
        Ok(parsed) => parsed,
        Err(error) => {
            let typed = |name| fields.text(name).chars().take(MAX_ADDRESS_CHARS).collect();
            let add = AddSubscriber {
                address: typed("email"),
                source: typed("source"),
                error: Some(error.to_string()),
            };
            let query = ListQuery::default();
            let view = subscribers_page(&shared, &form.user, &query, add).await?;
            return render_invalid(&shared, &view);
        }
    };
    let web = &shared.web;
    let counts = web
        .subscriptions
        .import_subscriber(address.clone(), None, &options)
        .await?;
    if counts.imported > 0
        && let Some(subscriber) = web.store.subscriber_by_address(&address).await?
    {
        let action = AuditAction::SubscriberAdded;
        form.user.audit(&shared, action, subscriber.id).await;
    }
    let message = if counts.imported > 0 {
        FlashMessage::SubscriberAdded
    } else if counts.kept_out > 0 {
        FlashMessage::SubscriberNotAdded
    } else {
        FlashMessage::SubscriberKnown
    };
    Ok(redirect_with_flash(&shared, "/admin/subscribers", message))
}

fn parse(email: &str, source: &str) -> Result<(EmailAddress, ImportOptions), AddError> {
    let options = ImportOptions {
        source: parse_source(source)?,
        state: None,
        prefers_file_source: false,
    };
    Ok((EmailAddress::parse(email)?, options))
}

async fn subscribers_page(
    shared: &SharedState,
    user: &CurrentUser,
    query: &ListQuery,
    add: AddSubscriber,
) -> Result<SubscribersPage, HttpError> {
    let store = &shared.web.store;
    let filter = query.filter();
    let (after, before) = (query.after(), query.before());
    let cursor = match after.or(before) {
        Some(id) => store.cursor_for(&id, &filter).await?,
        None => None,
    };
    let direction = match &cursor {
        Some(cursor) if after.is_some() => PageDirection::After(cursor),
        Some(cursor) => PageDirection::Before(cursor),
        None => PageDirection::First,
    };
    let mut rows = store.subscribers(&filter, direction, PAGE_SIZE + 1).await?;
    let has_more = rows.len() > PAGE_SIZE;
    let (has_newer, has_older) = match direction {
        PageDirection::First => (false, has_more),
        PageDirection::After(_) => (true, has_more),
        PageDirection::Before(_) => (has_more, true),
    };
    if has_more {
        // The extra row is at the far end of the direction.
        let extra = match direction {
            PageDirection::Before(_) => 0,
            PageDirection::First | PageDirection::After(_) => PAGE_SIZE,
        };
        rows.remove(extra);
    }
    let id = |row: Option<&SubscriberRow>| row.map(|row| row.id.to_string());
    Ok(SubscribersPage {
        layout: user.layout(shared),
        counts: SubscriberCounts::read(store).await?,
        query: query.search_text(),
        state: filter.state.map(SubscriberState::as_str),
        order: query.order_name(),
        query_suffix: query.query_suffix(),
        newer: id(rows.first().filter(|_| has_newer)),
        older: id(rows.last().filter(|_| has_older)),
        is_first: !has_newer,
        rows: table_rows(store, rows).await?,
        add,
    })
}

async fn table_rows(
    store: &Store,
    rows: Vec<SubscriberRow>,
) -> Result<Vec<SubscriberTableRow>, StoreError> {
    let ids: Vec<SubscriberId> = rows.iter().map(|row| row.id).collect();
    let last = store.last_deliveries(&ids, RECENT_ISSUES).await?;
    let table_row = |row: SubscriberRow| SubscriberTableRow {
        last: last.get(&row.id).map(LastDeliveryView::from),
        id: row.id.to_string(),
        address: row.address,
        name: row.name,
        state: row.state.as_str(),
        since: row.since,
        paused_until: row.paused_until,
        source: row.source,
    };
    Ok(rows.into_iter().map(table_row).collect())
}

impl From<&LastDelivery> for LastDeliveryView {
    fn from(delivery: &LastDelivery) -> Self {
        Self {
            number: delivery.issue,
            state: delivery.state.as_str(),
        }
    }
}
