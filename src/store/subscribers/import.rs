//! Readers from elsewhere, in batches.

use std::collections::{HashMap, HashSet};

use sqlx::{AnyConnection, AssertSqlSafe, Row};

use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryKind};
use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::{SubscriberId, SubscriberName, SubscriberState};
use crate::store::db::backend::Backend;
use crate::store::db::batch;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::subscribers::state_log::StateChanges;
use crate::store::{NewDelivery, Store, StoreError, decode};

/// One reader to be taken in.
#[derive(Clone, Debug)]
pub struct ImportRow {
    pub id: SubscriberId,
    pub nonce: String,
    pub address: EmailAddress,
    pub name: Option<SubscriberName>,
    /// The address under each secret key: an erased reader is known by one of them.
    pub address_macs: Vec<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportTally {
    pub imported: u64,
    pub unchanged: u64,
    /// Left, suppressed or erased: they stay out.
    pub kept_out: u64,
}

impl std::ops::AddAssign for ImportTally {
    fn add_assign(&mut self, other: Self) {
        self.imported += other.imported;
        self.unchanged += other.unchanged;
        self.kept_out += other.kept_out;
    }
}

fn known_sql(count: usize) -> String {
    format!(
        "SELECT address_key, state FROM subscribers WHERE address_key IN ({})",
        batch::placeholders(1, count)
    )
}

fn erased_sql(count: usize) -> String {
    format!(
        "SELECT address_mac FROM erased_addresses WHERE address_mac IN ({})",
        batch::placeholders(1, count)
    )
}

const BIGINT: &str = "CAST($ AS BIGINT)";

fn insert_sql(count: usize) -> String {
    let columns = [
        "$", "$", "$", "$", "$", BIGINT, "$", BIGINT, "$", BIGINT, BIGINT,
    ];
    format!(
        "INSERT INTO subscribers (id, address, address_key, name, state, state_at, source, created_at, nonce,
            asked_at, confirmed_at) VALUES {} ON CONFLICT (address_key) DO NOTHING RETURNING id",
        batch::value_rows(1, count, &columns)
    )
}

const CONFIRM_ELSEWHERE: &str =
    "UPDATE subscribers SET former_state = state, state = 'confirmed', state_at = $2,
        confirmed_at = $2, source = $3
    WHERE address_key = $1 AND state = 'pending'";

/// What an import makes of one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ImportAction {
    New,
    /// Was waiting for confirmation, and is confirmed by where they come from.
    Promoted,
    Unchanged,
    KeptOut,
}

fn fate(known: Option<SubscriberState>, erased: bool, as_pending: bool) -> ImportAction {
    match known {
        _ if erased => ImportAction::KeptOut,
        None => ImportAction::New,
        Some(SubscriberState::Pending) if !as_pending => ImportAction::Promoted,
        Some(SubscriberState::Pending | SubscriberState::Confirmed) => ImportAction::Unchanged,
        Some(SubscriberState::Unsubscribed | SubscriberState::Suppressed) => ImportAction::KeptOut,
    }
}

/// A batch, each row under what becomes of it.
#[derive(Default)]
struct ImportPlan<'a> {
    new: Vec<&'a ImportRow>,
    promoted: Vec<&'a ImportRow>,
    unchanged: u64,
    kept_out: u64,
}

impl Store {
    /// Takes a batch in, all or nothing: as confirmed elsewhere, or (`as_pending`) each
    /// asked for confirmation by mail.
    pub async fn import(
        &self,
        arrivals: &[ImportRow],
        source: &str,
        as_pending: bool,
        now: Timestamp,
    ) -> Result<ImportTally, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let mut sorted = sort(&mut tx, self.backend, arrivals, as_pending).await?;
            // Neighbours in the indexes are written one after the other.
            sorted
                .new
                .sort_by_cached_key(|arrival| arrival.address.key());
            let imported =
                insert_all(&mut tx, self.backend, &sorted.new, source, as_pending, now).await?;
            let promoted = promote_all(&mut tx, &sorted.promoted, source, now).await?;
            let mut moves = StateChanges::default();
            moves.add(None, Some(state_of(as_pending)), imported);
            moves.add(
                Some(SubscriberState::Pending),
                Some(SubscriberState::Confirmed),
                promoted,
            );
            moves.write(&mut tx, now).await?;
            tx.commit().await?;
            // Another process may have taken some in between the look and the insert.
            let outrun = (sorted.new.len() + sorted.promoted.len()) as u64 - imported - promoted;
            Ok(ImportTally {
                imported: imported + promoted,
                unchanged: sorted.unchanged + outrun,
                kept_out: sorted.kept_out,
            })
        })
        .await
    }

    /// What [`Self::import`] would make of a batch, and whom it would take in.
    pub async fn dry_run<'a>(
        &self,
        arrivals: &'a [ImportRow],
        as_pending: bool,
    ) -> Result<(ImportTally, Vec<&'a ImportRow>), StoreError> {
        let mut connection = self.pool.acquire().await?;
        let mut sorted = sort(&mut connection, self.backend, arrivals, as_pending).await?;
        sorted.new.append(&mut sorted.promoted);
        let tally = ImportTally {
            imported: sorted.new.len() as u64,
            unchanged: sorted.unchanged,
            kept_out: sorted.kept_out,
        };
        Ok((tally, sorted.new))
    }
}

async fn sort<'a>(
    connection: &mut AnyConnection,
    backend: Backend,
    arrivals: &'a [ImportRow],
    as_pending: bool,
) -> Result<ImportPlan<'a>, StoreError> {
    let known = known_states(connection, backend, arrivals).await?;
    let erased = erased_among(connection, backend, arrivals).await?;
    let mut seen = HashSet::new();
    let mut sorted = ImportPlan::default();
    for arrival in arrivals {
        let key = arrival.address.key();
        let is_erased = arrival.address_macs.iter().any(|mac| erased.contains(mac));
        match fate(known.get(&key).copied(), is_erased, as_pending) {
            ImportAction::KeptOut => sorted.kept_out += 1,
            ImportAction::Unchanged => sorted.unchanged += 1,
            // The same address twice in one batch.
            _ if !seen.insert(key) => sorted.unchanged += 1,
            ImportAction::New => sorted.new.push(arrival),
            ImportAction::Promoted => sorted.promoted.push(arrival),
        }
    }
    Ok(sorted)
}

const fn state_of(as_pending: bool) -> SubscriberState {
    if as_pending {
        SubscriberState::Pending
    } else {
        SubscriberState::Confirmed
    }
}

/// How many were still waiting for confirmation.
async fn promote_all(
    tx: &mut WriteTx,
    arrivals: &[&ImportRow],
    source: &str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut promoted = 0;
    for arrival in arrivals {
        let update = sqlx::query(CONFIRM_ELSEWHERE)
            .bind(arrival.address.key())
            .bind(now.as_millis())
            .bind(source.to_owned());
        promoted += update.execute(&mut **tx).await?.rows_affected();
    }
    Ok(promoted)
}

async fn known_states(
    connection: &mut AnyConnection,
    backend: Backend,
    arrivals: &[ImportRow],
) -> Result<HashMap<String, SubscriberState>, StoreError> {
    let mut known = HashMap::new();
    for run in batch::chunks(arrivals) {
        let sql = batch::for_backend(backend, known_sql(run.len()));
        let mut query = sqlx::query(AssertSqlSafe(sql));
        for arrival in run {
            query = query.bind(arrival.address.key());
        }
        for row in query.fetch_all(&mut *connection).await? {
            let state = decode(
                "subscriber state",
                row.try_get("state")?,
                SubscriberState::parse,
            )?;
            known.insert(row.try_get("address_key")?, state);
        }
    }
    Ok(known)
}

async fn erased_among(
    connection: &mut AnyConnection,
    backend: Backend,
    arrivals: &[ImportRow],
) -> Result<HashSet<String>, StoreError> {
    let macs: Vec<&String> = arrivals
        .iter()
        .flat_map(|arrival| &arrival.address_macs)
        .collect();
    let mut erased = HashSet::new();
    for run in batch::chunks(&macs) {
        let mut query = sqlx::query_scalar(AssertSqlSafe(batch::for_backend(
            backend,
            erased_sql(run.len()),
        )));
        for mac in run {
            query = query.bind((*mac).clone());
        }
        erased.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(erased)
}

/// How many were not there yet; only those are asked for confirmation.
async fn insert_all(
    tx: &mut WriteTx,
    backend: Backend,
    arrivals: &[&ImportRow],
    source: &str,
    as_pending: bool,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let state = state_of(as_pending);
    let confirmed_at = (!as_pending).then_some(now.as_millis());
    let mut inserted = HashSet::with_capacity(arrivals.len());
    for run in batch::chunks(arrivals) {
        let mut query = sqlx::query_scalar(AssertSqlSafe(batch::for_backend(
            backend,
            insert_sql(run.len()),
        )));
        for arrival in run {
            query = query
                .bind(arrival.id.to_string())
                .bind(arrival.address.to_string())
                .bind(arrival.address.key())
                .bind(arrival.name.as_ref().map(|name| name.as_str().to_owned()))
                .bind(state.as_str().to_owned())
                .bind(now.as_millis())
                .bind(source.to_owned())
                .bind(now.as_millis())
                .bind(arrival.nonce.clone())
                .bind(now.as_millis())
                .bind(confirmed_at);
        }
        let ids: Vec<String> = query.fetch_all(&mut **tx).await?;
        inserted.extend(ids);
    }
    if as_pending {
        let new = |arrival: &&&ImportRow| inserted.contains(&arrival.id.to_string());
        let mail = |arrival: &&ImportRow| NewDelivery {
            id: DeliveryId::from_stored(arrival.id.to_string()),
            kind: DeliveryKind::Confirmation,
            subscriber: Some(arrival.id),
            address: arrival.address.clone(),
            payload: None,
        };
        let mails: Vec<NewDelivery> = arrivals.iter().filter(new).map(mail).collect();
        crate::store::deliveries::insert(tx, &mails, now).await?;
    }
    Ok(inserted.len() as u64)
}

#[cfg(test)]
pub(crate) fn statements() -> Vec<String> {
    vec![
        known_sql(10),
        erased_sql(10),
        insert_sql(10),
        CONFIRM_ELSEWHERE.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_left_stays_out() {
        use SubscriberState::*;
        assert_eq!(
            fate(Some(Unsubscribed), false, false),
            ImportAction::KeptOut
        );
        assert_eq!(fate(Some(Suppressed), false, true), ImportAction::KeptOut);
        assert_eq!(fate(None, true, false), ImportAction::KeptOut);
        assert_eq!(fate(Some(Confirmed), false, false), ImportAction::Unchanged);
        assert_eq!(fate(Some(Pending), false, false), ImportAction::Promoted);
        assert_eq!(fate(Some(Pending), false, true), ImportAction::Unchanged);
        assert_eq!(fate(None, false, false), ImportAction::New);
    }
}
