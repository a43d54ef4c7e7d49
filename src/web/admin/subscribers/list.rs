//! `/admin/subscribers`

use axum::extract::{Query, State};

use crate::domain::audit::AuditAction;
use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::{LastDelivery, PageDirection, Store, StoreError, SubscriberRow};
use crate::subscription::ImportOptions;
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::response::{HandlerResult, page, redirect_with_flash, refused};
use crate::web::admin::subscribers::list_query::{LONGEST_ADDRESS, ListQuery};
use crate::web::admin::subscribers::source::{SourceError, parse_source};
use crate::web::admin::subscribers::view::{
    AddSubscriber, LastIssue, SubscriberCounts, SubscriberLine, Subscribers,
};
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// With long names and addresses the page still weighs less than 60 KB.
const PAGE: usize = 20;
/// Issues in which a reader's last copy is looked for: a month of weeks.
const RECENT_ISSUES: i64 = 4;

/// Why a reader was not added.
#[derive(Debug, thiserror::Error)]
enum AddFault {
    #[error(transparent)]
    Address(#[from] EmailAddressError),
    #[error(transparent)]
    Source(#[from] SourceError),
}

pub async fn show(
    State(shared): State<SharedState>,
    editor: CurrentUser,
    Query(asked): Query<ListQuery>,
) -> HandlerResult {
    let view = view(&shared, &editor, &asked, AddSubscriber::default()).await?;
    page(&shared, &view)
}

/// Takes a reader in as confirmed elsewhere. Who left stays out.
pub async fn add(State(shared): State<SharedState>, posted: VerifiedForm) -> HandlerResult {
    let fields = &posted.fields;
    let (address, how) = match parse(fields.text("email"), fields.text("source")) {
        Ok(arrival) => arrival,
        Err(fault) => {
            let kept = |name| fields.text(name).chars().take(LONGEST_ADDRESS).collect();
            let add = AddSubscriber {
                address: kept("email"),
                source: kept("source"),
                fault: Some(fault.to_string()),
            };
            let view = view(&shared, &posted.editor, &ListQuery::default(), add).await?;
            return refused(&shared, &view);
        }
    };
    let web = &shared.web;
    let tally = web.subscriptions.add(address.clone(), None, &how).await?;
    if tally.imported > 0
        && let Some(reader) = web.store.subscriber_by_address(&address).await?
    {
        let did = AuditAction::SubscriberAdded;
        posted.editor.audit(&shared, did, reader.id).await;
    }
    let notice = if tally.imported > 0 {
        FlashMessage::SubscriberAdded
    } else if tally.kept_out > 0 {
        FlashMessage::SubscriberKeptOut
    } else {
        FlashMessage::SubscriberKnown
    };
    Ok(redirect_with_flash(&shared, "/admin/subscribers", notice))
}

fn parse(email: &str, source: &str) -> Result<(EmailAddress, ImportOptions), AddFault> {
    let how = ImportOptions {
        source: parse_source(source)?,
        pending: false,
    };
    Ok((EmailAddress::parse(email)?, how))
}

async fn view(
    shared: &SharedState,
    editor: &CurrentUser,
    asked: &ListQuery,
    add: AddSubscriber,
) -> Result<Subscribers, HttpError> {
    let store = &shared.web.store;
    let filter = asked.filter();
    let (after, before) = (asked.after(), asked.before());
    let place = match after.or(before) {
        Some(id) => store.cursor_for(&id, &filter).await?,
        None => None,
    };
    let turn = match &place {
        Some(place) if after.is_some() => PageDirection::After(place),
        Some(place) => PageDirection::Before(place),
        None => PageDirection::First,
    };
    let mut rows = store.subscribers(&filter, turn, PAGE + 1).await?;
    let more = rows.len() > PAGE;
    let (newer, older) = match turn {
        PageDirection::First => (false, more),
        PageDirection::After(_) => (true, more),
        PageDirection::Before(_) => (more, true),
    };
    if more {
        let extra = if matches!(turn, PageDirection::Before(_)) {
            0
        } else {
            PAGE
        };
        rows.remove(extra);
    }
    let id = |row: Option<&SubscriberRow>| row.map(|row| row.id.to_string());
    Ok(Subscribers {
        desk: editor.desk(shared),
        counts: SubscriberCounts::read(store).await?,
        query: asked.query(),
        state: filter.state.map(SubscriberState::as_str),
        order: asked.order_word(),
        narrowed: asked.narrowed(),
        newer: id(rows.first().filter(|_| newer)),
        older: id(rows.last().filter(|_| older)),
        is_first: !newer,
        rows: lines(store, rows).await?,
        add,
    })
}

async fn lines(store: &Store, rows: Vec<SubscriberRow>) -> Result<Vec<SubscriberLine>, StoreError> {
    let ids: Vec<SubscriberId> = rows.iter().map(|row| row.id).collect();
    let last = store.last_copies(&ids, RECENT_ISSUES).await?;
    let line = |row: SubscriberRow| SubscriberLine {
        last: last.get(&row.id).map(LastIssue::from),
        id: row.id.to_string(),
        address: row.address,
        name: row.name,
        state: row.state.as_str(),
        since: row.since,
        paused_until: row.paused_until,
        source: row.source,
    };
    Ok(rows.into_iter().map(line).collect())
}

impl From<&LastDelivery> for LastIssue {
    fn from(copy: &LastDelivery) -> Self {
        Self {
            number: copy.issue,
            state: copy.state.as_str(),
        }
    }
}

impl SubscriberCounts {
    pub async fn read(store: &Store) -> Result<Self, StoreError> {
        let mut counts = Self::default();
        for (state, count) in store.subscriber_counts().await? {
            counts.all += count;
            match state {
                SubscriberState::Pending => counts.pending = count,
                SubscriberState::Confirmed => counts.confirmed = count,
                SubscriberState::Unsubscribed => counts.unsubscribed = count,
                SubscriberState::Suppressed => counts.suppressed = count,
            }
        }
        Ok(counts)
    }
}
