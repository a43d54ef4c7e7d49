//! Export of subscribers as a CSV file (RFC 4180).

use crate::domain::clock::Timestamp;
use crate::domain::csv;
use crate::store::{PageDirection, StoreError, SubscriberFilter, SubscriberRow};
use crate::subscription::SubscriptionService;

/// Number of rows per query. Bounds the memory of an export of any size.
const PAGE_SIZE: usize = 1_000;

const HEADERS: [&str; 7] = [
    "email",
    "name",
    "state",
    "since",
    "source",
    "created_at",
    "confirmed_at",
];

/// A CSV export in progress, read page by page so that its memory use stays constant.
#[derive(Debug)]
pub struct CsvExport {
    subscriptions: SubscriptionService,
    filter: SubscriberFilter,
    position: Position,
    rows: u64,
}

#[derive(Debug)]
enum Position {
    Start,
    After(SubscriberRow),
    Done,
}

impl SubscriptionService {
    /// Starts an export of the subscribers that match `filter`, in its order.
    pub fn export(&self, filter: SubscriberFilter) -> CsvExport {
        CsvExport {
            subscriptions: self.clone(),
            filter,
            position: Position::Start,
            rows: 0,
        }
    }
}

impl CsvExport {
    /// Returns the number of subscribers exported so far.
    pub const fn row_count(&self) -> u64 {
        self.rows
    }

    /// Returns the next lines of the file, the headers first, or `None` at its end.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails, and [`StoreError::Corrupt`] if a
    /// stored value cannot be parsed.
    pub async fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, StoreError> {
        let (direction, mut chunk) = match &self.position {
            Position::Start => (PageDirection::First, csv::encode_record(HEADERS)),
            Position::After(row) => (PageDirection::After(&row.cursor), Vec::new()),
            Position::Done => return Ok(None),
        };
        let store = &self.subscriptions.store;
        let mut rows = store
            .subscribers(&self.filter, direction, PAGE_SIZE)
            .await?;
        chunk.extend(rows.iter().flat_map(csv_line));
        self.rows += rows.len() as u64;
        let is_last_page = rows.len() < PAGE_SIZE;
        self.position = match rows.pop() {
            Some(last) if !is_last_page => Position::After(last),
            _ => Position::Done,
        };
        Ok(Some(chunk))
    }
}

fn csv_line(row: &SubscriberRow) -> Vec<u8> {
    csv::encode_record([
        row.address.as_str(),
        row.name.as_deref().unwrap_or_default(),
        row.state.as_str(),
        &row.since.to_rfc3339(),
        &row.source,
        &row.created_at.to_rfc3339(),
        &row.confirmed_at
            .map(Timestamp::to_rfc3339)
            .unwrap_or_default(),
    ])
}
