//! `/admin/subscribers`

use axum::extract::{Query, State};
use serde::Deserialize;

use super::editor::{Editor, Posted};
use super::views::{AddSubscriber, Notice, SubscriberCounts, SubscriberLine, Subscribers};
use super::{Answer, done, page, refused};
use crate::domain::audit::Action;
use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::{Store, StoreError, SubscriberFilter, SubscriberRow};
use crate::subscription::TakenIn;
use crate::web::errors::HttpError;
use crate::web::state::Shared;

const PAGE: usize = 50;
/// No address is longer.
const LONGEST_SEARCH: usize = 254;
const LONGEST_SOURCE: usize = 200;

#[derive(Debug, Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    after: String,
}

/// Why a reader was not added.
#[derive(Debug, thiserror::Error)]
enum AddFault {
    #[error(transparent)]
    Address(#[from] EmailAddressError),
    #[error("say in one line of at most {LONGEST_SOURCE} characters where they agreed")]
    Source,
}

pub async fn show(
    State(shared): State<Shared>,
    editor: Editor,
    Query(asked): Query<Asked>,
) -> Answer {
    let view = view(&shared, &editor, &asked, AddSubscriber::default()).await?;
    page(&shared, &view)
}

/// Takes a reader in as confirmed elsewhere. Who left stays out.
pub async fn add(State(shared): State<Shared>, posted: Posted) -> Answer {
    let fields = &posted.fields;
    let (address, how) = match parse(fields.text("email"), fields.text("source")) {
        Ok(arrival) => arrival,
        Err(fault) => {
            let kept = |name| fields.text(name).chars().take(LONGEST_SEARCH).collect();
            let add = AddSubscriber {
                address: kept("email"),
                source: kept("source"),
                fault: Some(fault.to_string()),
            };
            let view = view(&shared, &posted.editor, &Asked::default(), add).await?;
            return refused(&shared, &view);
        }
    };
    let web = &shared.web;
    let tally = web.subscriptions.add(address.clone(), None, &how).await?;
    if tally.imported > 0
        && let Some(reader) = web.store.subscriber_by_address(&address).await?
    {
        let did = Action::SubscriberAdded;
        posted.editor.did(&shared, did, reader.id).await;
    }
    let notice = if tally.imported > 0 {
        Notice::SubscriberAdded
    } else if tally.kept_out > 0 {
        Notice::SubscriberKeptOut
    } else {
        Notice::SubscriberKnown
    };
    Ok(done(&shared, "/admin/subscribers", notice))
}

fn parse(email: &str, source: &str) -> Result<(EmailAddress, TakenIn), AddFault> {
    let address = EmailAddress::parse(email)?;
    let source = source.trim();
    let length = source.chars().count();
    if !(1..=LONGEST_SOURCE).contains(&length) || source.chars().any(char::is_control) {
        return Err(AddFault::Source);
    }
    let how = TakenIn {
        source: source.to_owned(),
        pending: false,
    };
    Ok((address, how))
}

async fn view(
    shared: &Shared,
    editor: &Editor,
    asked: &Asked,
    add: AddSubscriber,
) -> Result<Subscribers, HttpError> {
    let store = &shared.web.store;
    let query: String = asked.q.trim().chars().take(LONGEST_SEARCH).collect();
    let state = SubscriberState::parse(&asked.state).ok();
    let after = SubscriberId::parse(&asked.after).ok();
    let filter = SubscriberFilter {
        state,
        search: Some(query.clone()).filter(|query| !query.is_empty()),
    };
    let mut rows = store
        .subscribers(&filter, after.as_ref(), PAGE as i64 + 1)
        .await?;
    let more = rows.len() > PAGE;
    rows.truncate(PAGE);
    let older = rows.last().filter(|_| more).map(|row| row.id.to_string());
    Ok(Subscribers {
        desk: editor.desk(shared),
        counts: SubscriberCounts::read(store).await?,
        query,
        state: state.map(SubscriberState::as_str),
        rows: rows.into_iter().map(line).collect(),
        newer: after.is_some(),
        older,
        add,
    })
}

fn line(row: SubscriberRow) -> SubscriberLine {
    SubscriberLine {
        address: row.address,
        name: row.name,
        state: row.state.as_str(),
        since: row.since,
        paused_until: row.paused_until,
        source: row.source,
    }
}

impl SubscriberCounts {
    pub(super) async fn read(store: &Store) -> Result<Self, StoreError> {
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
