//! Import of subscribers, a batch per transaction.

use std::collections::{HashMap, HashSet};

use sqlx::{AnyConnection, AssertSqlSafe};

use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryKind};
use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::{SubscriberId, SubscriberName, SubscriberState};
use crate::store::db::backend::Backend;
use crate::store::db::batch;
use crate::store::db::connect::Store;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::deliveries::enqueue;
use crate::store::deliveries::types::NewDelivery;
use crate::store::error::StoreError;
use crate::store::subscribers::state_log::StateChanges;

/// A subscriber to import.
#[derive(Clone, Debug)]
pub struct ImportRow {
    /// The id of the subscriber if the address is new.
    pub id: SubscriberId,
    /// The nonce of the subscriber if the address is new.
    pub nonce: String,
    /// The address to import.
    pub address: EmailAddress,
    /// The name, if the import has one. Stored only for a new address.
    pub name: Option<SubscriberName>,
    /// HMACs of the address under each secret key: one of them matches an erased address.
    pub address_macs: Vec<String>,
}

/// The results of an import, counted in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportTally {
    /// Inserted, or confirmed by the import.
    pub imported: u64,
    /// Already subscribed.
    pub unchanged: u64,
    /// Skipped because the subscriber has unsubscribed, is suppressed or was erased.
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

fn insert_sql(count: usize) -> String {
    const BIGINT: &str = "CAST($ AS BIGINT)";
    let columns = [
        "$", "$", "$", "$", "$", BIGINT, "$", BIGINT, "$", BIGINT, BIGINT,
    ];
    format!(
        "INSERT INTO subscribers (id, address, address_key, name, state, state_at, source, created_at, nonce,
            asked_at, confirmed_at) VALUES {} ON CONFLICT (address_key) DO NOTHING RETURNING id",
        batch::value_rows(1, count, &columns)
    )
}

const CONFIRM_PENDING: &str =
    "UPDATE subscribers SET former_state = state, state = 'confirmed', state_at = $2,
        confirmed_at = $2, source = $3
    WHERE address_key = $1 AND state = 'pending'";

/// How an import treats a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ImportAction {
    /// Insert a new subscriber.
    Insert,
    /// Confirm a pending subscriber.
    Confirm,
    /// Leave a subscriber as it is.
    Keep,
    /// Leave out an address that must not be imported.
    Skip,
}

impl ImportAction {
    fn new(known: Option<SubscriberState>, is_erased: bool, as_pending: bool) -> Self {
        use SubscriberState::{Confirmed, Pending, Suppressed, Unsubscribed};
        match known {
            _ if is_erased => Self::Skip,
            None => Self::Insert,
            Some(Pending) if !as_pending => Self::Confirm,
            Some(Pending | Confirmed) => Self::Keep,
            Some(Unsubscribed | Suppressed) => Self::Skip,
        }
    }
}

/// The rows of a batch by action.
#[derive(Default)]
struct ImportPlan<'a> {
    insert: Vec<&'a ImportRow>,
    confirm: Vec<&'a ImportRow>,
    unchanged: u64,
    kept_out: u64,
}

impl Store {
    /// Imports a batch, all or nothing.
    ///
    /// The subscribers become confirmed, or with `as_pending` pending, with a confirmation
    /// message enqueued for each new one.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored state cannot be parsed.
    pub async fn import(
        &self,
        rows: &[ImportRow],
        source: &str,
        as_pending: bool,
        now: Timestamp,
    ) -> Result<ImportTally, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let mut plan = plan_import(&mut tx, self.backend, rows, as_pending).await?;
            // In the order of the index, so that consecutive rows change the same page.
            plan.insert.sort_by_cached_key(|row| row.address.key());
            let inserted = insert_all(&mut tx, &plan.insert, source, as_pending, now).await?;
            let confirmed = confirm_all(&mut tx, &plan.confirm, source, now).await?;
            let mut changes = StateChanges::default();
            changes.add(None, Some(initial_state(as_pending)), inserted);
            changes.add(
                Some(SubscriberState::Pending),
                Some(SubscriberState::Confirmed),
                confirmed,
            );
            changes.write(&mut tx, now).await?;
            tx.commit().await?;
            // Another process may have inserted or confirmed some after they were selected.
            let planned = (plan.insert.len() + plan.confirm.len()) as u64;
            let imported = inserted + confirmed;
            Ok(ImportTally {
                imported,
                unchanged: plan.unchanged + planned - imported,
                kept_out: plan.kept_out,
            })
        })
        .await
    }

    /// Returns the result that [`Self::import`] would have, and the rows it would import.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored state cannot be parsed.
    pub async fn dry_run<'a>(
        &self,
        rows: &'a [ImportRow],
        as_pending: bool,
    ) -> Result<(ImportTally, Vec<&'a ImportRow>), StoreError> {
        let mut connection = self.pool.acquire().await?;
        let plan = plan_import(&mut connection, self.backend, rows, as_pending).await?;
        let imported = [plan.insert, plan.confirm].concat();
        let tally = ImportTally {
            imported: imported.len() as u64,
            unchanged: plan.unchanged,
            kept_out: plan.kept_out,
        };
        Ok((tally, imported))
    }
}

/// Returns the state of a subscriber that an import inserts.
const fn initial_state(as_pending: bool) -> SubscriberState {
    if as_pending {
        SubscriberState::Pending
    } else {
        SubscriberState::Confirmed
    }
}

/// Chooses the action of each row. A repeated address counts as unchanged.
async fn plan_import<'a>(
    connection: &mut AnyConnection,
    backend: Backend,
    rows: &'a [ImportRow],
    as_pending: bool,
) -> Result<ImportPlan<'a>, StoreError> {
    let known = known_states(connection, backend, rows).await?;
    let erased = erased_macs(connection, backend, rows).await?;
    let mut seen = HashSet::new();
    let mut plan = ImportPlan::default();
    for row in rows {
        let key = row.address.key();
        let is_erased = row.address_macs.iter().any(|mac| erased.contains(mac));
        match ImportAction::new(known.get(&key).copied(), is_erased, as_pending) {
            ImportAction::Skip => plan.kept_out += 1,
            ImportAction::Keep => plan.unchanged += 1,
            _ if !seen.insert(key) => plan.unchanged += 1,
            ImportAction::Insert => plan.insert.push(row),
            ImportAction::Confirm => plan.confirm.push(row),
        }
    }
    Ok(plan)
}

/// Returns the states of the addresses that are known, by address key.
async fn known_states(
    connection: &mut AnyConnection,
    backend: Backend,
    rows: &[ImportRow],
) -> Result<HashMap<String, SubscriberState>, StoreError> {
    let mut known = HashMap::new();
    for chunk in batch::chunks(rows) {
        let sql = batch::for_backend(backend, known_sql(chunk.len()));
        let mut query = sqlx::query_as::<_, (String, SubscriberState)>(AssertSqlSafe(sql));
        for row in chunk {
            query = query.bind(row.address.key());
        }
        known.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(known)
}

/// Returns the HMACs that are recorded as erased.
async fn erased_macs(
    connection: &mut AnyConnection,
    backend: Backend,
    rows: &[ImportRow],
) -> Result<HashSet<String>, StoreError> {
    let macs: Vec<&String> = rows.iter().flat_map(|row| &row.address_macs).collect();
    let mut erased = HashSet::new();
    for chunk in batch::chunks(&macs) {
        let sql = batch::for_backend(backend, erased_sql(chunk.len()));
        let query = sqlx::query_scalar::<_, String>(AssertSqlSafe(sql));
        let query = chunk.iter().fold(query, |query, mac| query.bind(*mac));
        erased.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(erased)
}

/// Inserts the subscribers that are still unknown and returns their number.
async fn insert_all(
    tx: &mut WriteTx,
    rows: &[&ImportRow],
    source: &str,
    as_pending: bool,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut inserted = HashSet::with_capacity(rows.len());
    for chunk in batch::chunks(rows) {
        let sql = batch::for_backend(tx.backend, insert_sql(chunk.len()));
        let mut query = sqlx::query_scalar::<_, SubscriberId>(AssertSqlSafe(sql));
        for row in chunk {
            query = query
                .bind(row.id)
                .bind(&row.address)
                .bind(row.address.key())
                .bind(row.name.as_ref().map(SubscriberName::as_str))
                .bind(initial_state(as_pending))
                .bind(now)
                .bind(source)
                .bind(now)
                .bind(&row.nonce)
                .bind(now)
                .bind((!as_pending).then_some(now));
        }
        inserted.extend(query.fetch_all(&mut **tx).await?);
    }
    if as_pending {
        let messages: Vec<NewDelivery> = rows
            .iter()
            .filter(|row| inserted.contains(&row.id))
            .map(|row| NewDelivery {
                id: DeliveryId::from_stored(row.id.to_string()),
                kind: DeliveryKind::Confirmation,
                subscriber: Some(row.id),
                address: row.address.clone(),
                payload: None,
            })
            .collect();
        enqueue::insert(tx, &messages, now).await?;
    }
    Ok(inserted.len() as u64)
}

/// Confirms the subscribers that are still pending and returns their number.
async fn confirm_all(
    tx: &mut WriteTx,
    rows: &[&ImportRow],
    source: &str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let mut confirmed = 0;
    for row in rows {
        let update = sqlx::query(CONFIRM_PENDING)
            .bind(row.address.key())
            .bind(now)
            .bind(source);
        confirmed += update.execute(&mut **tx).await?.rows_affected();
    }
    Ok(confirmed)
}

#[cfg(test)]
pub(crate) fn statements() -> Vec<String> {
    vec![
        known_sql(10),
        erased_sql(10),
        insert_sql(10),
        CONFIRM_PENDING.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_action_skips_inactive_and_erased_subscribers() {
        use SubscriberState::*;

        for (known, is_erased, as_pending, expected) in [
            (Some(Unsubscribed), false, false, ImportAction::Skip),
            (Some(Suppressed), false, true, ImportAction::Skip),
            (None, true, false, ImportAction::Skip),
            (Some(Confirmed), false, false, ImportAction::Keep),
            (Some(Pending), false, false, ImportAction::Confirm),
            (Some(Pending), false, true, ImportAction::Keep),
            (None, false, false, ImportAction::Insert),
        ] {
            let action = ImportAction::new(known, is_erased, as_pending);
            assert_eq!(action, expected, "{known:?} {is_erased} {as_pending}");
        }
    }
}
