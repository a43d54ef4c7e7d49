//! Reads one row of a list: address, name, state and record.

use std::net::IpAddr;

use csv::StringRecord;

use crate::domain::clock::Timestamp;
use crate::domain::email_address::EmailAddress;
use crate::domain::subscriber::{SubscriberName, SubscriberState};
use crate::store::{ImportRecord, ImportState};
use crate::subscription::import::columns::Columns;
use crate::subscription::import::dates::{DateOrder, parse_time};
use crate::subscription::import::error::RowError;
use crate::subscription::import::tools::{Role, Verdict, is_blank, read_state};

/// Maximum number of characters of a source or a reason that a list brings along.
const MAX_TEXT_CHARS: usize = 200;
/// Reason of addresses that the importer states to have bounced.
const STATED_BOUNCE: &str = "bounced, as stated at the import";

/// A row of a list, parsed.
#[derive(Debug)]
pub(super) struct ParsedRow {
    pub(super) address: EmailAddress,
    pub(super) name: Option<SubscriberName>,
    pub(super) state: ImportState,
    pub(super) record: ImportRecord,
}

/// What the columns of a row say together.
#[derive(Default)]
struct Statement {
    verdict: Option<Verdict>,
    ended_at: Option<Timestamp>,
    record: ImportRecord,
    since: Option<Timestamp>,
}

/// Parses a row. `stated` is the state that the importer states for the whole list.
pub(super) fn parse_row(
    columns: &Columns,
    row: &StringRecord,
    stated: Option<SubscriberState>,
) -> Result<ParsedRow, RowError> {
    let cell = |index: usize| row.get(index).unwrap_or_default();
    let address = EmailAddress::parse(cell(columns.address))?;
    let name = columns.name.map(cell).unwrap_or_default();
    let name = SubscriberName::parse(name)?;
    let mut statement = Statement::default();
    for column in &columns.roles {
        let value = cell(column.index);
        let read = read_state(column.role, &column.header, value, column.order);
        match read {
            Ok((verdict, at)) => statement.add_state(column.role, verdict, at),
            // The statement for the whole list decides anyway.
            Err(_)
                if matches!(
                    stated,
                    Some(SubscriberState::Unsubscribed | SubscriberState::Suppressed)
                ) => {}
            Err(error) => return Err(error),
        }
        if !is_blank(value) {
            statement.add_record(column.role, value, column.order);
        }
    }
    Ok(statement.finish(address, name, stated, columns.has_states()))
}

impl Statement {
    /// Adds what a column says about the state; a no wins over a yes.
    fn add_state(&mut self, role: Role, verdict: Option<Verdict>, at: Option<Timestamp>) {
        if matches!(role, Role::Refusal(_)) && verdict.is_some() {
            self.ended_at = self.ended_at.or(at);
        }
        if matches!(role, Role::Consent) && verdict == Some(Verdict::Active) {
            self.record.asked_at = self.record.asked_at.or(at);
        }
        if matches!(role, Role::Confirmed) && verdict == Some(Verdict::Active) {
            self.record.confirmed_at = self.record.confirmed_at.or(at);
        }
        self.verdict = self.verdict.max(verdict);
    }

    /// Adds what a column says about consent and history.
    fn add_record(&mut self, role: Role, value: &str, order: DateOrder) {
        let at = || parse_time(value, order);
        let ip = || value.trim().parse::<IpAddr>().ok().map(|ip| ip.to_string());
        let record = &mut self.record;
        match role {
            Role::CreatedAt => record.created_at = record.created_at.or_else(at),
            Role::AskedAt => record.asked_at = record.asked_at.or_else(at),
            Role::ConfirmedAt => record.confirmed_at = record.confirmed_at.or_else(at),
            Role::PausedUntil => record.paused_until = record.paused_until.or_else(at),
            Role::Since => self.since = self.since.or_else(at),
            Role::AskedIp => record.asked_ip = record.asked_ip.take().or_else(ip),
            Role::ConfirmedIp => record.confirmed_ip = record.confirmed_ip.take().or_else(ip),
            Role::Source => record.source = record.source.take().or_else(|| clean_text(value)),
            Role::FormVersion => record.form_version = clean_text(value),
            Role::Reason => record.suppression_reason = clean_text(value),
            _ => {}
        }
    }

    fn finish(
        self,
        address: EmailAddress,
        name: Option<SubscriberName>,
        stated: Option<SubscriberState>,
        has_states: bool,
    ) -> ParsedRow {
        let state = decide_state(self.verdict, stated, has_states);
        let mut record = self.record;
        record.ended_at = state
            .is_no()
            .then(|| self.ended_at.or(self.since))
            .flatten();
        if state == ImportState::Suppressed && record.suppression_reason.is_none() {
            let reason = match self.verdict {
                Some(Verdict::Suppressed(reason)) => reason,
                _ => STATED_BOUNCE,
            };
            record.suppression_reason = Some(reason.to_owned());
        }
        if state != ImportState::Agreed && state != ImportState::Active {
            record.paused_until = None;
        }
        ParsedRow {
            address,
            name,
            state,
            record,
        }
    }
}

/// Decides the state of a row from what its columns say and what the importer states.
///
/// A no of the row always stays, and so does waiting; a list without states that is not stated
/// otherwise is one of people who agreed.
fn decide_state(
    verdict: Option<Verdict>,
    stated: Option<SubscriberState>,
    has_states: bool,
) -> ImportState {
    use SubscriberState::{Confirmed, Pending, Suppressed, Unsubscribed};
    match (verdict, stated) {
        (_, Some(Unsubscribed)) | (Some(Verdict::Left), _) => ImportState::Unsubscribed,
        (_, Some(Suppressed)) | (Some(Verdict::Suppressed(_)), _) => ImportState::Suppressed,
        (Some(Verdict::Declined), _) => ImportState::Unsubscribed,
        (Some(Verdict::Waiting), _) => ImportState::Waiting,
        (_, Some(Pending)) => ImportState::Ask,
        (_, Some(Confirmed)) => ImportState::Agreed,
        (_, None) if has_states => ImportState::Active,
        (_, None) => ImportState::Agreed,
    }
}

/// Returns one line of plain text of at most 200 characters, or `None` if nothing is left.
fn clean_text(text: &str) -> Option<String> {
    let text: String = text
        .trim()
        .chars()
        .filter(|c| !c.is_control())
        .take(MAX_TEXT_CHARS)
        .collect();
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stated_state_never_turns_a_no_or_waiting_into_a_yes() {
        use SubscriberState::{Confirmed, Pending, Suppressed, Unsubscribed};
        for (verdict, stated, has_states, expected) in [
            (None, None, false, ImportState::Agreed),
            (None, None, true, ImportState::Active),
            (Some(Verdict::Active), None, true, ImportState::Active),
            (
                Some(Verdict::Active),
                Some(Confirmed),
                true,
                ImportState::Agreed,
            ),
            (Some(Verdict::Active), Some(Pending), true, ImportState::Ask),
            (
                Some(Verdict::Waiting),
                Some(Confirmed),
                true,
                ImportState::Waiting,
            ),
            (
                Some(Verdict::Waiting),
                Some(Pending),
                true,
                ImportState::Waiting,
            ),
            (
                Some(Verdict::Left),
                Some(Confirmed),
                true,
                ImportState::Unsubscribed,
            ),
            (
                Some(Verdict::Left),
                Some(Suppressed),
                true,
                ImportState::Unsubscribed,
            ),
            (
                Some(Verdict::Declined),
                Some(Pending),
                true,
                ImportState::Unsubscribed,
            ),
            (
                Some(Verdict::Active),
                Some(Unsubscribed),
                true,
                ImportState::Unsubscribed,
            ),
            (None, Some(Suppressed), false, ImportState::Suppressed),
            (
                Some(Verdict::Suppressed("x")),
                Some(Confirmed),
                true,
                ImportState::Suppressed,
            ),
        ] {
            let state = decide_state(verdict, stated, has_states);
            assert_eq!(state, expected, "{verdict:?} {stated:?}");
        }
    }
}
