//! `/admin/subscribers/many`: one thing done to many readers, after it was said how many
//! they are and what it does.

use std::sync::{Arc, Mutex};

use axum::extract::{Path, RawQuery, State};

use crate::domain::audit::{AuditAction, AuditTarget};
use crate::domain::clock::Timestamp;
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::{PageDirection, StoreError, SubscriberFilter, SubscriberRow};
use crate::subscription::{BulkAction, SubscriptionService};
use crate::web::admin::editor::{Editor, Posted};
use crate::web::admin::fields::Fields;
use crate::web::admin::subscribers::Asked;
use crate::web::admin::subscribers::works::lock;
use crate::web::admin::views::{AskedList, Many, ManyUnderWay, Notice};
use crate::web::admin::{Answer, page, see_other};
use crate::web::errors::HttpError;
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
enum Whom {
    Ticked(Vec<SubscriberId>),
    All(Asked),
}

impl Whom {
    fn read(fields: &Fields, deed: BulkAction) -> Self {
        if fields.text("whom") == "all" {
            // Only who waits can be asked again.
            let state = match deed {
                BulkAction::AskAgain => SubscriberState::Pending.as_str(),
                BulkAction::Unsubscribe | BulkAction::Erase => fields.text("state"),
            };
            return Self::All(Asked {
                state: state.to_owned(),
                ..Asked::of(fields)
            });
        }
        let ids = fields.texts("id").take(MOST_TICKED);
        Self::Ticked(ids.filter_map(|id| SubscriberId::parse(id).ok()).collect())
    }
}

/// Something that is being done to all whom a filter finds.
#[derive(Debug)]
pub struct Sweep {
    deed: BulkAction,
    /// The list on which it was begun.
    list: Asked,
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
    editor: Editor,
    RawQuery(query): RawQuery,
) -> Answer {
    let fields = Fields::of_query(query.as_deref().unwrap_or_default());
    let deed = BulkAction::parse(fields.text("do")).ok_or(HttpError::NotFound)?;
    let store = &shared.web.store;
    let whom = Whom::read(&fields, deed);
    let (mut rows, asked, people) = match &whom {
        Whom::Ticked(ids) => {
            let mut rows = store.subscribers_by_id(ids).await?;
            rows.retain(|row| deed.applies_to(row.state));
            let people = rows.len() as i64;
            (rows, Asked::default(), people)
        }
        Whom::All(asked) => {
            let filter = asked.filter();
            let first = store
                .subscribers(&filter, PageDirection::First, SHOWN)
                .await?;
            (first, asked.clone(), count(&shared, &filter).await?)
        }
    };
    let ids = match whom {
        Whom::Ticked(_) => rows.iter().map(|row| row.id.to_string()).collect(),
        Whom::All(_) => Vec::new(),
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
        list: (&Asked::of(&fields)).into(),
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
pub async fn act(State(shared): State<SharedState>, posted: Posted) -> Answer {
    let fields = &posted.fields;
    let deed = BulkAction::parse(fields.text("do")).ok_or(HttpError::Unprocessable)?;
    match Whom::read(fields, deed) {
        Whom::Ticked(ids) => {
            let rows = shared.web.store.subscribers_by_id(&ids).await?;
            let people = shared.web.subscriptions.apply(deed, &rows).await?;
            if people > 0 {
                let object = AuditTarget::Subscribers(people);
                posted.editor.did(&shared, action(deed), object).await;
            }
            let list = Asked::of(fields).list(Some(notice(deed, people)));
            Ok(see_other(&shared, &list))
        }
        Whom::All(asked) => {
            let seen_at = fields.text("seen").parse().map(Timestamp::from_millis);
            let seen_at = seen_at.map_err(|_| HttpError::Unprocessable)?;
            let id = shared.web.random.uuid_v7(shared.now()).to_string();
            let sweep = Arc::new(Sweep {
                deed,
                list: Asked::of(fields),
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
                editor.did(&beside, action(deed), object).await;
            });
            Ok(see_other(&shared, &page))
        }
    }
}

/// Sends one who waits the link again: the button in their row.
pub async fn resend(State(shared): State<SharedState>, posted: Posted) -> Answer {
    let id = SubscriberId::parse(posted.fields.text("reader"));
    let id = id.map_err(|_| HttpError::Unprocessable)?;
    let asked = shared.web.subscriptions.ask_again(&[id]).await?;
    if asked > 0 {
        let did = AuditAction::SubscriberAskedAgain;
        posted.editor.did(&shared, did, id).await;
    }
    let list = Asked::of(&posted.fields);
    let list = list.list(Some(notice(BulkAction::AskAgain, asked)));
    Ok(see_other(&shared, &list))
}

impl From<&Asked> for AskedList {
    fn from(asked: &Asked) -> Self {
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

const fn notice(deed: BulkAction, people: u64) -> Notice {
    match (deed, people) {
        (BulkAction::AskAgain, 0) => Notice::AskedLately,
        (_, 0) => Notice::NobodyChanged,
        (BulkAction::AskAgain, _) => Notice::AskedAgain,
        (BulkAction::Unsubscribe, _) => Notice::Unsubscribed,
        (BulkAction::Erase, _) => Notice::Erased,
    }
}

/// How far it is.
pub async fn show(
    State(shared): State<SharedState>,
    editor: Editor,
    Path(id): Path<String>,
) -> Answer {
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

impl Sweep {
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
