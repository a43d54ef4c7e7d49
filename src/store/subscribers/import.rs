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
use crate::store::db::locks::RECIPIENTS_LOCK;
use crate::store::db::transaction::{WriteTx, with_retry};
use crate::store::deliveries::enqueue;
use crate::store::deliveries::sql::skip_sql;
use crate::store::deliveries::types::NewDelivery;
use crate::store::error::StoreError;
use crate::store::subscribers::state_log::StateChanges;

/// A subscriber to import.
#[derive(Clone, Debug)]
pub struct ImportRow {
    /// The id of the subscriber if the address is new.
    pub id: SubscriberId,
    /// The nonce of the subscriber if the address is new or is unsubscribed by the import.
    pub nonce: String,
    /// The address to import.
    pub address: EmailAddress,
    /// The name, if the import has one. Stored only for a new address.
    pub name: Option<SubscriberName>,
    /// HMACs of the address under each secret key: one of them matches an erased address.
    pub address_macs: Vec<String>,
    /// What the list says about the subscriber.
    pub state: ImportState,
    /// The record that comes along, stored only for a new address.
    pub record: ImportRecord,
}

/// What a list says about a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportState {
    /// The importer states that they agreed: confirms who is pending here.
    Agreed,
    /// The other tool's state is active: confirms nobody who is pending here.
    Active,
    /// They are asked by mail to confirm.
    Ask,
    /// They have not confirmed in the other tool; no mail is sent.
    Waiting,
    /// Their address bounced or complained there.
    Suppressed,
    /// They left.
    Unsubscribed,
}

impl ImportState {
    /// Returns the state in which a new address is stored.
    pub const fn subscriber_state(self) -> SubscriberState {
        match self {
            Self::Agreed | Self::Active => SubscriberState::Confirmed,
            Self::Ask | Self::Waiting => SubscriberState::Pending,
            Self::Suppressed => SubscriberState::Suppressed,
            Self::Unsubscribed => SubscriberState::Unsubscribed,
        }
    }

    /// Returns whether no mail may be sent to the address.
    pub const fn is_no(self) -> bool {
        matches!(self, Self::Suppressed | Self::Unsubscribed)
    }
}

/// Consent and history that a list contains of a subscriber. What is unknown is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportRecord {
    /// Where the subscriber came from, instead of the source of the whole import.
    pub source: Option<String>,
    /// When the subscriber was added to the other list.
    pub created_at: Option<Timestamp>,
    /// When the sign-up was requested.
    pub asked_at: Option<Timestamp>,
    /// IP address of the request.
    pub asked_ip: Option<String>,
    /// When the address was confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// IP address of the confirmation.
    pub confirmed_ip: Option<String>,
    /// Version of the sign-up form.
    pub form_version: Option<String>,
    /// When the subscriber left, or when the address was suppressed.
    pub ended_at: Option<Timestamp>,
    /// Why the address is suppressed.
    pub suppression_reason: Option<String>,
    /// When a pause ends.
    pub paused_until: Option<Timestamp>,
}

/// The results of an import, counted in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImportTally {
    /// Taken in as confirmed or pending, or confirmed by the import.
    pub imported: u64,
    /// Already in the state of the row.
    pub unchanged: u64,
    /// Skipped because the subscriber has unsubscribed, is suppressed or was erased.
    pub kept_out: u64,
    /// Taken in as unsubscribed, or unsubscribed by the import.
    pub unsubscribed: u64,
    /// Taken in as suppressed, or suppressed by the import.
    pub suppressed: u64,
    /// Those of `imported` that were taken in as pending.
    pub pending: u64,
    /// Those of `unsubscribed` and `suppressed` that were confirmed here.
    pub were_confirmed: u64,
}

impl std::ops::AddAssign for ImportTally {
    fn add_assign(&mut self, other: Self) {
        self.imported += other.imported;
        self.unchanged += other.unchanged;
        self.kept_out += other.kept_out;
        self.unsubscribed += other.unsubscribed;
        self.suppressed += other.suppressed;
        self.pending += other.pending;
        self.were_confirmed += other.were_confirmed;
    }
}

impl ImportTally {
    /// Counts `count` changes to `state`, from `former` or of new addresses.
    fn add_changes(&mut self, former: Option<SubscriberState>, state: SubscriberState, count: u64) {
        match state {
            SubscriberState::Confirmed => self.imported += count,
            SubscriberState::Pending => {
                self.imported += count;
                self.pending += count;
            }
            SubscriberState::Unsubscribed => self.unsubscribed += count,
            SubscriberState::Suppressed => self.suppressed += count,
        }
        if former == Some(SubscriberState::Confirmed) {
            self.were_confirmed += count;
        }
    }

    /// Returns the number of rows that changed something.
    pub const fn changed(&self) -> u64 {
        self.imported + self.unsubscribed + self.suppressed
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
    const TEXT: &str = "CAST($ AS TEXT)";
    let columns = [
        "$", "$", "$", "$", "$", BIGINT, "$", BIGINT, "$", BIGINT, TEXT, BIGINT, TEXT, TEXT, TEXT,
        BIGINT,
    ];
    format!(
        "INSERT INTO subscribers (id, address, address_key, name, state, state_at, source, created_at, nonce,
            asked_at, asked_ip, confirmed_at, confirmed_ip, form_version, suppression_reason, paused_until)
        VALUES {} ON CONFLICT (address_key) DO NOTHING RETURNING id",
        batch::value_rows(1, count, &columns)
    )
}

/// Unsubscribes or suppresses. Who left stays unsubscribed.
fn end_sql(count: usize) -> String {
    const TEXT: &str = "CAST($ AS TEXT)";
    format!(
        "WITH v (address_key, state, at, reason, nonce) AS (VALUES {})
        UPDATE subscribers SET former_state = subscribers.state, state = v.state, state_at = v.at,
            suppression_reason = COALESCE(v.reason, suppression_reason), nonce = v.nonce,
            paused_until = NULL
        FROM v WHERE subscribers.address_key = v.address_key
            AND (subscribers.state IN ('pending', 'confirmed')
                OR subscribers.state = 'suppressed' AND v.state = 'unsubscribed')
        RETURNING subscribers.id, subscribers.former_state, subscribers.state",
        batch::value_rows(1, count, &["$", TEXT, "CAST($ AS BIGINT)", TEXT, "$"])
    )
}

const SKIP: &str = skip_sql!("$1", "subscriber_id IN ($ids)");

fn skip_deliveries_sql(count: usize) -> String {
    SKIP.replace("$ids", &batch::placeholders(2, count))
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
    /// Unsubscribe or suppress a subscriber.
    End,
    /// Leave a subscriber as it is.
    Keep,
    /// Leave out an address that must not be imported.
    Skip,
}

impl ImportAction {
    fn new(known: Option<SubscriberState>, is_erased: bool, state: ImportState) -> Self {
        use SubscriberState::{Confirmed, Pending, Suppressed, Unsubscribed};
        match known {
            _ if is_erased => Self::Skip,
            None => Self::Insert,
            Some(Pending | Confirmed) if state.is_no() => Self::End,
            Some(Pending) if state == ImportState::Agreed => Self::Confirm,
            Some(Pending | Confirmed) => Self::Keep,
            Some(Suppressed) if state == ImportState::Unsubscribed => Self::End,
            Some(Unsubscribed | Suppressed) if state.is_no() => Self::Keep,
            Some(Unsubscribed | Suppressed) => Self::Skip,
        }
    }
}

/// The rows of a batch by action.
#[derive(Default)]
struct ImportPlan<'a> {
    insert: Vec<&'a ImportRow>,
    confirm: Vec<&'a ImportRow>,
    end: Vec<(&'a ImportRow, SubscriberState)>,
    unchanged: u64,
    kept_out: u64,
}

impl<'a> ImportPlan<'a> {
    /// Returns the rows that change something.
    fn changing(&self) -> Vec<&'a ImportRow> {
        let mut rows = [self.insert.as_slice(), self.confirm.as_slice()].concat();
        rows.extend(self.end.iter().map(|(row, _)| *row));
        rows
    }

    /// Returns the tally if every planned change is made.
    fn tally(&self) -> ImportTally {
        let mut tally = ImportTally {
            unchanged: self.unchanged,
            kept_out: self.kept_out,
            ..ImportTally::default()
        };
        for row in &self.insert {
            tally.add_changes(None, row.state.subscriber_state(), 1);
        }
        let confirmed = self.confirm.len() as u64;
        tally.add_changes(
            Some(SubscriberState::Pending),
            SubscriberState::Confirmed,
            confirmed,
        );
        for (row, former) in &self.end {
            tally.add_changes(Some(*former), row.state.subscriber_state(), 1);
        }
        tally
    }
}

impl Store {
    /// Imports a batch, all or nothing.
    ///
    /// Each new address is stored in the state of its row; for [`ImportState::Ask`] with a
    /// confirmation message enqueued. Who is pending or confirmed here is unsubscribed or
    /// suppressed if the row says so, and their deliveries are skipped.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored state cannot be parsed.
    pub async fn import(
        &self,
        rows: &[ImportRow],
        source: &str,
        now: Timestamp,
    ) -> Result<ImportTally, StoreError> {
        with_retry(|| async {
            let mut tx = self.begin_write().await?;
            let mut plan = plan_import(&mut tx, self.backend, rows).await?;
            // In the order of the index, so that consecutive rows change the same page.
            plan.insert.sort_by_cached_key(|row| row.address.key());
            plan.end.sort_by_cached_key(|(row, _)| row.address.key());
            let mut tally = ImportTally {
                unchanged: plan.unchanged,
                kept_out: plan.kept_out,
                ..ImportTally::default()
            };
            let mut changes = StateChanges::default();
            let ended = end_all(&mut tx, &plan.end, now).await?;
            for (former, state) in ended {
                tally.add_changes(Some(former), state, 1);
                changes.add(Some(former), Some(state), 1);
            }
            for (state, count) in insert_all(&mut tx, &plan.insert, source, now).await? {
                tally.add_changes(None, state, count);
                changes.add(None, Some(state), count);
            }
            let confirmed = confirm_all(&mut tx, &plan.confirm, source, now).await?;
            let (pending, to) = (Some(SubscriberState::Pending), SubscriberState::Confirmed);
            tally.add_changes(pending, to, confirmed);
            changes.add(pending, Some(to), confirmed);
            changes.write(&mut tx, now).await?;
            tx.commit().await?;
            // Another process may have inserted or changed some after they were selected.
            let planned = (plan.insert.len() + plan.confirm.len() + plan.end.len()) as u64;
            tally.unchanged += planned - tally.changed();
            Ok(tally)
        })
        .await
    }

    /// Returns the result that [`Self::import`] would have, and the rows it would change.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if a statement fails, and [`StoreError::Corrupt`] if a
    /// stored state cannot be parsed.
    pub async fn dry_run<'a>(
        &self,
        rows: &'a [ImportRow],
    ) -> Result<(ImportTally, Vec<&'a ImportRow>), StoreError> {
        let mut connection = self.pool.acquire().await?;
        let plan = plan_import(&mut connection, self.backend, rows).await?;
        Ok((plan.tally(), plan.changing()))
    }
}

/// Returns the rows with one row per address: the first that says no, or else the first. The
/// order of the rows is kept.
fn unique_rows(rows: &[ImportRow]) -> Vec<&ImportRow> {
    let mut places: HashMap<String, usize> = HashMap::with_capacity(rows.len());
    let mut unique: Vec<&ImportRow> = Vec::with_capacity(rows.len());
    for row in rows {
        let next = unique.len();
        let place = *places.entry(row.address.key()).or_insert(next);
        if place == next {
            unique.push(row);
        } else if row.state.is_no() && !unique[place].state.is_no() {
            unique[place] = row;
        }
    }
    unique
}

/// Chooses the action of each row. A repeated address counts as unchanged.
async fn plan_import<'a>(
    connection: &mut AnyConnection,
    backend: Backend,
    rows: &'a [ImportRow],
) -> Result<ImportPlan<'a>, StoreError> {
    let known = known_states(connection, backend, rows).await?;
    let erased = erased_macs(connection, backend, rows).await?;
    let unique = unique_rows(rows);
    let mut plan = ImportPlan {
        unchanged: (rows.len() - unique.len()) as u64,
        ..ImportPlan::default()
    };
    for row in unique {
        let is_erased = row.address_macs.iter().any(|mac| erased.contains(mac));
        let former = known.get(&row.address.key()).copied();
        match (ImportAction::new(former, is_erased, row.state), former) {
            (ImportAction::Skip, _) => plan.kept_out += 1,
            (ImportAction::Insert, _) => plan.insert.push(row),
            (ImportAction::Confirm, _) => plan.confirm.push(row),
            (ImportAction::End, Some(former)) => plan.end.push((row, former)),
            (ImportAction::Keep | ImportAction::End, _) => plan.unchanged += 1,
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

/// Inserts the subscribers that are still unknown and returns their number in each state.
async fn insert_all(
    tx: &mut WriteTx,
    rows: &[&ImportRow],
    source: &str,
    now: Timestamp,
) -> Result<HashMap<SubscriberState, u64>, StoreError> {
    let mut inserted = HashSet::with_capacity(rows.len());
    for chunk in batch::chunks(rows) {
        let sql = batch::for_backend(tx.backend, insert_sql(chunk.len()));
        let mut query = sqlx::query_scalar::<_, SubscriberId>(AssertSqlSafe(sql));
        for row in chunk {
            let record = &row.record;
            let created_at = record.created_at.or(record.asked_at).unwrap_or(now);
            query = query
                .bind(row.id)
                .bind(&row.address)
                .bind(row.address.key())
                .bind(row.name.as_ref().map(SubscriberName::as_str))
                .bind(row.state.subscriber_state())
                .bind(state_began_at(row).unwrap_or(now))
                .bind(record.source.as_deref().unwrap_or(source))
                .bind(created_at)
                .bind(&row.nonce)
                .bind(record.asked_at)
                .bind(&record.asked_ip)
                .bind(record.confirmed_at)
                .bind(&record.confirmed_ip)
                .bind(&record.form_version)
                .bind(&record.suppression_reason)
                .bind(record.paused_until);
        }
        inserted.extend(query.fetch_all(&mut **tx).await?);
    }
    let mut counts = HashMap::new();
    let mut messages = Vec::new();
    for row in rows.iter().filter(|row| inserted.contains(&row.id)) {
        *counts.entry(row.state.subscriber_state()).or_default() += 1;
        if row.state == ImportState::Ask {
            messages.push(NewDelivery {
                id: DeliveryId::from_stored(row.id.to_string()),
                kind: DeliveryKind::Confirmation,
                subscriber: Some(row.id),
                address: row.address.clone(),
                payload: None,
            });
        }
    }
    enqueue::insert(tx, &messages, now).await?;
    Ok(counts)
}

/// Returns when the state of a row began, if the list says so.
fn state_began_at(row: &ImportRow) -> Option<Timestamp> {
    match row.state {
        ImportState::Unsubscribed | ImportState::Suppressed => row.record.ended_at,
        ImportState::Agreed | ImportState::Active => row.record.confirmed_at,
        ImportState::Ask | ImportState::Waiting => None,
    }
}

/// Unsubscribes and suppresses those who still are in a state that allows it, and skips their
/// deliveries. Returns their former and new states.
async fn end_all(
    tx: &mut WriteTx,
    rows: &[(&ImportRow, SubscriberState)],
    now: Timestamp,
) -> Result<Vec<(SubscriberState, SubscriberState)>, StoreError> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query(RECIPIENTS_LOCK).execute(&mut **tx).await?;
    let mut changes = Vec::with_capacity(rows.len());
    for chunk in batch::chunks(rows) {
        let sql = batch::for_backend(tx.backend, end_sql(chunk.len()));
        let mut query = sqlx::query_as::<_, (SubscriberId, SubscriberState, SubscriberState)>(
            AssertSqlSafe(sql),
        );
        for (row, _) in chunk {
            query = query
                .bind(row.address.key())
                .bind(row.state.subscriber_state())
                .bind(row.record.ended_at.unwrap_or(now))
                .bind(&row.record.suppression_reason)
                .bind(&row.nonce);
        }
        changes.extend(query.fetch_all(&mut **tx).await?);
    }
    for chunk in batch::chunks(&changes) {
        let sql = batch::for_backend(tx.backend, skip_deliveries_sql(chunk.len()));
        let query = sqlx::query(AssertSqlSafe(sql)).bind(now);
        let query = chunk
            .iter()
            .fold(query, |query, (id, _, _)| query.bind(*id));
        query.execute(&mut **tx).await?;
    }
    Ok(changes
        .into_iter()
        .map(|(_, former, state)| (former, state))
        .collect())
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
        end_sql(10),
        skip_deliveries_sql(10),
        CONFIRM_PENDING.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn import_action_brings_nobody_back_and_lets_a_no_win() {
        use ImportState::{Active, Agreed, Ask, Waiting};
        use SubscriberState::{Confirmed, Pending, Suppressed, Unsubscribed};

        let left = ImportState::Unsubscribed;
        let dead = ImportState::Suppressed;
        for (known, is_erased, state, expected) in [
            (Some(Unsubscribed), false, Agreed, ImportAction::Skip),
            (Some(Suppressed), false, Ask, ImportAction::Skip),
            (Some(Suppressed), false, left, ImportAction::End),
            (Some(Suppressed), false, dead, ImportAction::Keep),
            (Some(Unsubscribed), false, dead, ImportAction::Keep),
            (None, true, Agreed, ImportAction::Skip),
            (None, true, left, ImportAction::Skip),
            (Some(Confirmed), false, Agreed, ImportAction::Keep),
            (Some(Confirmed), false, Waiting, ImportAction::Keep),
            (Some(Confirmed), false, left, ImportAction::End),
            (Some(Pending), false, Agreed, ImportAction::Confirm),
            (Some(Pending), false, Active, ImportAction::Keep),
            (Some(Pending), false, Ask, ImportAction::Keep),
            (Some(Pending), false, dead, ImportAction::End),
            (None, false, Agreed, ImportAction::Insert),
            (None, false, left, ImportAction::Insert),
        ] {
            let action = ImportAction::new(known, is_erased, state);
            assert_eq!(action, expected, "{known:?} {is_erased} {state:?}");
        }
    }
}
