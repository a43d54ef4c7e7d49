//! The list as a CSV file (RFC 4180), a page at a time, so that memory stays flat.

use crate::domain::clock::Timestamp;
use crate::domain::csv;
use crate::store::{PageDirection, StoreError, SubscriberFilter, SubscriberRow};
use crate::subscription::SubscriptionService;

/// Rows read at once.
const PAGE: usize = 1_000;

const HEADERS: [&str; 7] = [
    "email",
    "name",
    "state",
    "since",
    "source",
    "created_at",
    "confirmed_at",
];

/// An export under way.
#[derive(Debug)]
pub struct CsvExport {
    subscriptions: SubscriptionService,
    filter: SubscriberFilter,
    stand: Stand,
    readers: u64,
}

#[derive(Debug)]
enum Stand {
    Before,
    Behind(SubscriberRow),
    Done,
}

impl SubscriptionService {
    /// Those whom the filter finds, in its order.
    pub fn export(&self, filter: SubscriberFilter) -> CsvExport {
        CsvExport {
            subscriptions: self.clone(),
            filter,
            stand: Stand::Before,
            readers: 0,
        }
    }
}

impl CsvExport {
    /// How many readers were in the lines so far.
    pub const fn readers(&self) -> u64 {
        self.readers
    }

    /// The next lines of the file; the headers come first. `None` behind the last.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let (turn, mut lines) = match &self.stand {
            Stand::Before => (PageDirection::First, csv::line(HEADERS)),
            Stand::Behind(row) => (PageDirection::After(&row.cursor), Vec::new()),
            Stand::Done => return Ok(None),
        };
        let store = &self.subscriptions.store;
        let mut rows = store.subscribers(&self.filter, turn, PAGE).await?;
        lines.extend(rows.iter().flat_map(line));
        self.readers += rows.len() as u64;
        let is_last = rows.len() < PAGE;
        self.stand = match rows.pop() {
            Some(last) if !is_last => Stand::Behind(last),
            _ => Stand::Done,
        };
        Ok(Some(lines))
    }
}

fn line(row: &SubscriberRow) -> Vec<u8> {
    let at = |at: Timestamp| {
        at.to_utc()
            .to_rfc3339_opts(chrono::SecondsFormat::Secs, true)
    };
    csv::line([
        row.address.as_str(),
        row.name.as_deref().unwrap_or_default(),
        row.state.as_str(),
        &at(row.since),
        &row.source,
        &at(row.created_at),
        &row.confirmed_at.map(at).unwrap_or_default(),
    ])
}
