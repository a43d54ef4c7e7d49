//! `/api/v1/subscribers`

use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::domain::audit::AuditAction;
use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::{SubscriberId, SubscriberName, SubscriberState};
use crate::store::{
    Order, PageDirection, Search, SubscriberFilter, SubscriberRecord, SubscriberRow,
};
use crate::subscription::{BulkAction, Consent, ImportOptions, SignUpError, SignUpForm};
use crate::web::admin::subscribers::source::parse_source;
use crate::web::api::asked::{ApiJson, ApiQuery, NoBody, page_of, page_size};
use crate::web::api::bearer::ApiCaller;
use crate::web::api::problem::Problem;
use crate::web::api::{HandlerResult, answer};
use crate::web::pagination::split_page;
use crate::web::state::SharedState;

/// No address is longer.
const LONGEST_SEARCH: usize = 254;
/// What led readers here of whom the program says nothing.
const SOURCE: &str = "api";
/// Seconds after which a few more sign-ups are taken.
const CAPPED: u64 = 600;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct List {
    state: Option<String>,
    search: String,
    after: Option<String>,
    limit: Option<String>,
}

impl List {
    fn filter(&self) -> Result<SubscriberFilter, Problem> {
        let state = self.state.as_deref().map(SubscriberState::parse);
        let state = state.transpose();
        if self.search.chars().count() > LONGEST_SEARCH {
            let says = format!("{LONGEST_SEARCH} characters are the most");
            return Err(Problem::field("search", says));
        }
        Ok(SubscriberFilter {
            state: state.map_err(|error| Problem::field("state", error))?,
            search: Search::parse(&self.search),
            order: Order::Newest,
        })
    }
}

pub async fn list(
    State(shared): State<SharedState>,
    ApiQuery(asked): ApiQuery<List>,
) -> HandlerResult {
    let store = &shared.web.store;
    let (filter, size) = (asked.filter()?, page_size(asked.limit.as_deref())?);
    let place = match &asked.after {
        None => None,
        Some(after) => {
            let id = SubscriberId::parse(after);
            let id = id.map_err(|error| Problem::field("after", error))?;
            let place = store.cursor_for(&id, &filter).await?;
            Some(place.ok_or_else(|| {
                Problem::conflict("Nobody stands at 'after' any more. Begin again without it.")
            })?)
        }
    };
    let turn = place
        .as_ref()
        .map_or(PageDirection::First, PageDirection::After);
    let mut rows = store.subscribers(&filter, turn, size + 1).await?;
    let next = split_page(&mut rows, size).map(|row| row.id.to_string());
    let rows = rows.iter().map(SubscriberRow::to_json).collect();
    answer(StatusCode::OK, &page_of("subscribers", rows, next))
}

pub async fn one(State(shared): State<SharedState>, Path(id): Path<String>) -> HandlerResult {
    let id = parse(&id)?;
    let record = shared.web.store.subscriber_record(&id).await?;
    answer(StatusCode::OK, &told(&record.ok_or_else(nobody)?))
}

fn told(record: &SubscriberRecord) -> Value {
    let millis = |at: Option<Timestamp>| at.map(Timestamp::as_millis);
    json!({
        "id": record.id.to_string(), "address": record.address, "name": record.name,
        "state": record.state.as_str(), "since": record.since.as_millis(), "source": record.source,
        "created_at": record.created_at.as_millis(), "paused_until": millis(record.paused_until),
        "suppressed_why": record.suppressed_why,
        "consent": {
            "asked_at": millis(record.asked_at), "asked_ip": record.asked_ip,
            "form_version": record.form_version,
            "confirmed_at": millis(record.confirmed_at), "confirmed_ip": record.confirmed_ip,
        },
    })
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewReader {
    email: String,
    name: Option<String>,
    source: Option<String>,
    #[serde(default)]
    confirmed: bool,
}

/// Someone to be taken in.
struct Arrival {
    address: EmailAddress,
    name: Option<SubscriberName>,
    source: Option<String>,
}

impl NewReader {
    fn parse(self) -> Result<Arrival, Problem> {
        let typed = SignUpForm {
            email: self.email,
            name: self.name.unwrap_or_default(),
        };
        let (address, name) = typed.parse().map_err(|error| match error {
            SignUpError::Address(error) => Problem::field("email", error),
            SignUpError::Name(error) => Problem::field("name", error),
        })?;
        let source = self.source.as_deref().map(parse_source).transpose();
        Ok(Arrival {
            address,
            name,
            source: source.map_err(|error| Problem::field("source", error))?,
        })
    }
}

/// Asks someone to confirm, or takes them in as confirmed elsewhere.
pub async fn add(
    State(shared): State<SharedState>,
    caller: ApiCaller,
    ApiJson(reader): ApiJson<NewReader>,
) -> HandlerResult {
    let confirmed = reader.confirmed;
    let arrival = reader.parse()?;
    if confirmed {
        take_in(&shared, &caller, arrival).await
    } else {
        sign_up(&shared, &caller, &arrival).await
    }
}

/// The same answer whatever is known of the address, as at the form.
async fn sign_up(shared: &SharedState, caller: &ApiCaller, arrival: &Arrival) -> HandlerResult {
    let domain = arrival.address.domain();
    if shared.caps.count_program(&caller.id, domain).is_err() {
        let detail = "Too many sign-ups with this token, for this mail domain, or in all, within the hour. Wait 10 minutes, then go on.";
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).with_retry_after(CAPPED));
    }
    let source = arrival.source.clone();
    let consent = Consent {
        ip: None,
        form_version: None,
        source: source.unwrap_or_else(|| SOURCE.to_owned()),
    };
    let (web, address) = (&shared.web, &arrival.address);
    let name = arrival.name.as_ref();
    // Where from and when stands in the reader's record; who did what has no line of it, as
    // it has none of who fills in the form.
    web.subscriptions.sign_up(address, name, &consent).await?;
    answer(StatusCode::ACCEPTED, &json!({ "accepted": true }))
}

async fn take_in(shared: &SharedState, caller: &ApiCaller, arrival: Arrival) -> HandlerResult {
    let source = arrival.source.ok_or_else(|| {
        let says = "needed with confirmed: say in one line where they agreed";
        Problem::field("source", says)
    })?;
    let how = ImportOptions {
        source,
        pending: false,
    };
    let (web, address) = (&shared.web, arrival.address);
    let tally = web.subscriptions.add(address.clone(), arrival.name, &how);
    let tally = tally.await?;
    let reader = web.store.subscriber_by_address(&address).await?;
    let Some(reader) = reader.filter(|_| tally.kept_out == 0) else {
        return Err(Problem::conflict(
            "This reader left or was erased, or their mailbox is dead, so they stay out. They come back by signing up themselves.",
        ));
    };
    let told = |result| json!({ "result": result, "id": reader.id.to_string() });
    if tally.imported == 0 {
        return answer(StatusCode::OK, &told("unchanged"));
    }
    let did = AuditAction::SubscriberAdded;
    caller.audit(shared, did, reader.id).await;
    let mut added = answer(StatusCode::CREATED, &told("added"))?;
    let place = web.door.public_url.join(&path(&reader.id));
    if let Ok(place) = HeaderValue::try_from(place) {
        added.headers_mut().insert(header::LOCATION, place);
    }
    Ok(added)
}

fn path(id: &SubscriberId) -> String {
    format!("api/v1/subscribers/{id}")
}

/// To do it twice is as good as once.
pub async fn unsubscribe(
    State(shared): State<SharedState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    _: NoBody,
) -> HandlerResult {
    let (reader, changed) = do_to(&shared, BulkAction::Unsubscribe, &id).await?;
    if !changed {
        return answer(StatusCode::OK, &json!({ "result": "unchanged" }));
    }
    let did = AuditAction::SubscriberUnsubscribed;
    caller.audit(&shared, did, reader).await;
    answer(StatusCode::OK, &json!({ "result": "unsubscribed" }))
}

pub async fn erase(
    State(shared): State<SharedState>,
    caller: ApiCaller,
    Path(id): Path<String>,
    _: NoBody,
) -> HandlerResult {
    let (reader, changed) = do_to(&shared, BulkAction::Erase, &id).await?;
    if !changed {
        return Err(nobody());
    }
    let did = AuditAction::SubscriberErased;
    caller.audit(&shared, did, reader).await;
    answer(StatusCode::OK, &json!({ "result": "erased" }))
}

/// Does it to a reader who is there, and tells whether that changed anything.
async fn do_to(
    shared: &SharedState,
    deed: BulkAction,
    id: &str,
) -> Result<(SubscriberId, bool), Problem> {
    let (id, web) = (parse(id)?, &shared.web);
    let readers = web.store.subscribers_by_id(&[id]).await?;
    if readers.is_empty() {
        return Err(nobody());
    }
    let changed = web.subscriptions.apply(deed, &readers).await?;
    Ok((id, changed > 0))
}

fn parse(id: &str) -> Result<SubscriberId, Problem> {
    SubscriberId::parse(id).map_err(|_| nobody())
}

fn nobody() -> Problem {
    Problem::not_found("There is no reader of this id. Perhaps they were erased.")
}
