//! `/admin/subscribers/many`: one thing done to many readers, after it was said how many
//! they are and what it does.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, RawQuery, State};

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::clock::Timestamp;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::{PageDirection, StoreError, SubscriberFilter, SubscriberRow};
use crate::subscription::{BulkAction, SubscriptionService};
use crate::web::admin::current_user::{CurrentUser, VerifiedForm};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::form::FormFields;
use crate::web::admin::response::{HandlerResult, page, redirect};
use crate::web::admin::subscribers::list_query::ListQuery;
use crate::web::admin::subscribers::tasks::lock;
use crate::web::admin::subscribers::view::{AskedList, Many, ManyUnderWay};
use crate::web::error::HttpError;
use crate::web::state::SharedState;

/// Done in one transaction.
const BATCH: usize = 500;
/// Ticked by hand: more than a page of them is somebody's script.
const MOST_TICKED: usize = 500;
/// What a search finds is counted this far; whole states are counted already.
const MOST_COUNTED: i64 = 5_000;
/// Addresses shown by name.
const SHOWN: usize = 10;

/// Whom it is about, by a query or a form's fields.
#[derive(Clone, Debug)]
enum Selection {
    Ticked(Vec<SubscriberId>),
    All(ListQuery),
}

impl Selection {
    fn read(fields: &FormFields, deed: BulkAction) -> Self {
        if fields.text("whom") == "all" {
            // Only who waits can be asked again.
            let state = match deed {
                BulkAction::AskAgain => SubscriberState::Pending.as_str(),
                BulkAction::Unsubscribe | BulkAction::Erase => fields.text("state"),
            };
            return Self::All(ListQuery {
                state: state.to_owned(),
                ..ListQuery::of(fields)
            });
        }
        let ids = fields.texts("id").take(MOST_TICKED);
        Self::Ticked(ids.filter_map(|id| SubscriberId::parse(id).ok()).collect())
    }
}

/// Something that is being done to all whom a filter finds.
#[derive(Debug)]
pub struct BulkTask {
    deed: BulkAction,
    /// The list on which it was begun.
    list: ListQuery,
    stand: Mutex<SweepStand>,
}

#[derive(Clone, Copy, Debug, Default)]
struct SweepStand {
    looked_at: u64,
    applied: u64,
    /// Whether it came to its end, and whether that was a good one.
    ended: Option<bool>,
}

/// Asks first.
pub async fn ask(
    State(shared): State<SharedState>,
    editor: CurrentUser,
    RawQuery(query): RawQuery,
) -> HandlerResult {
    let fields = FormFields::of_query(query.as_deref().unwrap_or_default());
    let deed = BulkAction::parse(fields.text("do")).ok_or(HttpError::NotFound)?;
    let store = &shared.web.store;
    let whom = Selection::read(&fields, deed);
    let (mut rows, asked, people) = match &whom {
        Selection::Ticked(ids) => {
            let mut rows = store.subscribers_by_id(ids).await?;
            rows.retain(|row| deed.applies_to(row.state));
            let people = rows.len() as i64;
            (rows, ListQuery::default(), people)
        }
        Selection::All(asked) => {
            let filter = asked.filter();
            let first = store
                .subscribers(&filter, PageDirection::First, SHOWN)
                .await?;
            (first, asked.clone(), count(&shared, &filter).await?)
        }
    };
    let ids = match whom {
        Selection::Ticked(_) => rows.iter().map(|row| row.id.to_string()).collect(),
        Selection::All(_) => Vec::new(),
    };
    rows.truncate(SHOWN);
    let view = Many {
        desk: editor.desk(&shared),
        deed: deed.as_str(),
        people,
        or_more: people == MOST_COUNTED && asked.filter().search.is_some(),
        all: ids.is_empty() && people > 0,
        addresses: rows.into_iter().map(|row| row.address).collect(),
        ids,
        query: asked.query(),
        state: asked.filter().state.map(|state| state.as_str()),
        list: (&ListQuery::of(&fields)).into(),
    };
    page(&shared, &view)
}

async fn count(shared: &SharedState, filter: &SubscriberFilter) -> Result<i64, StoreError> {
    let store = &shared.web.store;
    if filter.search.is_some() {
        return store.count_subscribers(filter, MOST_COUNTED).await;
    }
    let counts = store.subscriber_counts().await?.into_iter();
    let counts = counts.filter(|(state, _)| filter.state.is_none_or(|wanted| wanted == *state));
    Ok(counts.map(|(_, count)| count).sum())
}

/// Does it: to a few at once, to all that a list finds beside the web.
pub async fn act(State(shared): State<SharedState>, posted: VerifiedForm) -> HandlerResult {
    let fields = &posted.fields;
    let deed = BulkAction::parse(fields.text("do")).ok_or(HttpError::Unprocessable)?;
    match Selection::read(fields, deed) {
        Selection::Ticked(ids) => {
            let rows = shared.web.store.subscribers_by_id(&ids).await?;
            let people = shared.web.subscriptions.apply(deed, &rows).await?;
            if people > 0 {
                let object = AuditTarget::Subscribers(people);
                posted.editor.audit(&shared, action(deed), object).await;
            }
            let list = ListQuery::of(fields).list(Some(notice(deed, people)));
            Ok(redirect(&shared, &list))
        }
        Selection::All(asked) => {
            let seen_at = fields.text("seen").parse().map(Timestamp::from_millis);
            let seen_at = seen_at.map_err(|_| HttpError::Unprocessable)?;
            let id = shared.web.random.uuid_v7(shared.now()).to_string();
            let sweep = Arc::new(BulkTask {
                deed,
                list: ListQuery::of(fields),
                stand: Mutex::default(),
            });
            shared
                .web
                .list_work
                .sweeps
                .keep(id.clone(), Arc::clone(&sweep));
            let page = format!("/admin/subscribers/many/{id}");
            let (editor, beside) = (posted.editor, Arc::clone(&shared));
            tokio::spawn(async move {
                let subscriptions = &beside.web.subscriptions;
                let people = sweep.run(subscriptions, asked.filter(), seen_at).await;
                let object = AuditTarget::Subscribers(people);
                editor.audit(&beside, action(deed), object).await;
            });
            Ok(redirect(&shared, &page))
        }
    }
}

/// Sends one who waits the link again: the button in their row.
pub async fn resend(State(shared): State<SharedState>, posted: VerifiedForm) -> HandlerResult {
    let id = SubscriberId::parse(posted.fields.text("reader"));
    let id = id.map_err(|_| HttpError::Unprocessable)?;
    let asked = shared.web.subscriptions.ask_again(&[id]).await?;
    if asked > 0 {
        let did = AuditAction::SubscriberAskedAgain;
        posted.editor.audit(&shared, did, id).await;
    }
    let list = ListQuery::of(&posted.fields);
    let list = list.list(Some(notice(BulkAction::AskAgain, asked)));
    Ok(redirect(&shared, &list))
}

impl From<&ListQuery> for AskedList {
    fn from(asked: &ListQuery) -> Self {
        Self {
            query: asked.query(),
            state: asked.filter().state.map(|state| state.as_str()),
            order: asked.order_word(),
            page: asked.list(None),
        }
    }
}

const fn action(deed: BulkAction) -> AuditAction {
    match deed {
        BulkAction::Unsubscribe => AuditAction::SubscribersUnsubscribed,
        BulkAction::Erase => AuditAction::SubscribersErased,
        BulkAction::AskAgain => AuditAction::SubscribersAskedAgain,
    }
}

const fn notice(deed: BulkAction, people: u64) -> FlashMessage {
    match (deed, people) {
        (BulkAction::AskAgain, 0) => FlashMessage::AskedLately,
        (_, 0) => FlashMessage::NobodyChanged,
        (BulkAction::AskAgain, _) => FlashMessage::AskedAgain,
        (BulkAction::Unsubscribe, _) => FlashMessage::Unsubscribed,
        (BulkAction::Erase, _) => FlashMessage::Erased,
    }
}

/// How far it is.
pub async fn show(
    State(shared): State<SharedState>,
    editor: CurrentUser,
    Path(id): Path<String>,
) -> HandlerResult {
    let sweep = shared
        .web
        .list_work
        .sweeps
        .get(&id)
        .ok_or(HttpError::NotFound)?;
    let stand = *lock(&sweep.stand);
    let view = ManyUnderWay {
        desk: editor.desk(&shared),
        id,
        deed: sweep.deed.as_str(),
        list: sweep.list.list(None),
        looked_at: stand.looked_at,
        applied: stand.applied,
        ended: stand.ended.is_some(),
        failed: stand.ended == Some(false),
    };
    page(&shared, &view)
}

impl BulkTask {
    /// Gives to how many it was done, also when it stopped on the way.
    async fn run(
        &self,
        to: &SubscriptionService,
        filter: SubscriberFilter,
        seen_at: Timestamp,
    ) -> u64 {
        let result = self.sweep(to, filter, seen_at).await;
        if let Err(error) = &result {
            tracing::error!(%error, did = self.deed.as_str(), "stopped on the way");
        }
        let mut stand = lock(&self.stand);
        stand.ended = Some(result.is_ok());
        stand.applied
    }

    /// Walks the list from end to end. Whose state is newer than what the editor saw is
    /// left alone.
    async fn sweep(
        &self,
        to: &SubscriptionService,
        filter: SubscriberFilter,
        seen_at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut rows = to
            .store
            .subscribers(&filter, PageDirection::First, BATCH)
            .await?;
        while let Some(last) = rows.last().map(|row| row.place.clone()) {
            let looked_at = rows.len() as u64;
            rows.retain(|row: &SubscriberRow| row.since <= seen_at);
            let applied = to.apply(self.deed, &rows).await?;
            {
                let mut stand = lock(&self.stand);
                stand.looked_at += looked_at;
                stand.applied += applied;
            }
            rows = to
                .store
                .subscribers(&filter, PageDirection::After(&last), BATCH)
                .await?;
        }
        Ok(())
    }
}
