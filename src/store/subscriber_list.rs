//! The list of readers, a page at a time. No page costs more than its rows: each order is
//! that of an index, and a page begins where the one before it ended.

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row};

use super::{Store, StoreError, batch, decode};
use crate::domain::clock::Timestamp;
use crate::domain::subscriber::{SubscriberId, SubscriberState};

/// One line of a list. The address is text: a list shows what is stored.
#[derive(Clone, Debug)]
pub struct SubscriberRow {
    pub id: SubscriberId,
    pub address: String,
    pub name: Option<String>,
    pub state: SubscriberState,
    /// When that state began.
    pub since: Timestamp,
    pub source: String,
    pub created_at: Timestamp,
    pub confirmed_at: Option<Timestamp>,
    pub paused_until: Option<Timestamp>,
    /// Where it stands in the list's order.
    pub place: ListPlace,
}

/// What is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// The beginning of an address.
    Address(String),
    /// The beginning of a domain, with the `@` before it.
    Domain(String),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Newest,
    Oldest,
    Address,
}

/// Which readers, in which order. What is searched for comes in the order of addresses.
#[derive(Clone, Debug, Default)]
pub struct SubscriberFilter {
    pub state: Option<SubscriberState>,
    pub search: Option<Search>,
    pub order: Order,
}

/// A place in the order of one list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPlace(String);

/// Which rows of a list.
#[derive(Clone, Copy, Debug, Default)]
pub enum Turn<'a> {
    #[default]
    First,
    After(&'a ListPlace),
    /// The last ones before it.
    Before(&'a ListPlace),
}

impl Search {
    /// `None` for nothing to look for.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().replace('\0', "").to_ascii_lowercase();
        match text.chars().next() {
            None => None,
            Some('@') => Some(Self::Domain(text)),
            Some(_) => Some(Self::Address(text)),
        }
    }

    fn beginning(&self) -> &str {
        let (Self::Address(text) | Self::Domain(text)) = self;
        text
    }
}

/// What a list is sorted by; each is the end of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Id,
    Address,
    Domain,
}

impl Key {
    /// For the domain as in the index of migration 4, to the letter.
    const fn sql(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Address => "address_key",
            Self::Domain => {
                "(LTRIM(address_key, 'abcdefghijklmnopqrstuvwxyz0123456789.!#$%&''*+/=?^_`{|}~-') || ' ' || address_key)"
            }
        }
    }
}

const COLUMNS: &str =
    "id, address, name, state, state_at, source, created_at, confirmed_at, paused_until";

/// Above every address, which is ASCII without control characters.
const ABOVE: char = '\u{7f}';

impl SubscriberFilter {
    fn key(&self) -> Key {
        match (&self.search, self.order) {
            (Some(Search::Domain(_)), _) => Key::Domain,
            (Some(Search::Address(_)), _) | (None, Order::Address) => Key::Address,
            (None, Order::Newest | Order::Oldest) => Key::Id,
        }
    }

    fn is_descending(&self) -> bool {
        self.search.is_none() && self.order == Order::Newest
    }

    /// The statement of a page, read forwards or backwards, and what is bound to it.
    fn page(&self, turn: Turn<'_>, limit: usize) -> Statement {
        let key = self.key();
        let backwards = matches!(turn, Turn::Before(_));
        let descending = self.is_descending() != backwards;
        let mut conditions = Vec::new();
        let mut bound = Vec::new();
        let mut bind = |condition: String, value: String| {
            bound.push(value);
            conditions.push(condition.replace('#', &format!("${}", bound.len())));
        };
        if let Some(search) = &self.search {
            let from = search.beginning();
            bind(format!("{} >= #", key.sql()), from.to_owned());
            bind(format!("{} < #", key.sql()), format!("{from}{ABOVE}"));
        }
        if let Turn::After(place) | Turn::Before(place) = turn {
            let sign = if descending { "<" } else { ">" };
            bind(format!("{} {sign} #", key.sql()), place.0.clone());
        }
        let select = |state: &str| {
            let conditions: Vec<&str> = std::iter::once(state)
                .filter(|state| !state.is_empty())
                .chain(conditions.iter().map(String::as_str))
                .collect();
            let matching = match conditions.join(" AND ") {
                none if none.is_empty() => String::new(),
                conditions => format!("WHERE {conditions}"),
            };
            format!(
                "SELECT {COLUMNS}, {} AS place
                FROM subscribers {matching} ORDER BY place {} LIMIT {limit}",
                key.sql(),
                if descending { "DESC" } else { "ASC" },
            )
        };
        let sql = match (self.state, key) {
            (Some(state), _) => select(&format!("state = '{state}'")),
            (None, Key::Id | Key::Address) => select(""),
            // The index has the state first: the first rows of each state, and of those the first.
            (None, Key::Domain) => {
                let of_each = SubscriberState::ALL.map(|state| {
                    format!(
                        "SELECT * FROM ({}) AS {state}_ones",
                        select(&format!("state = '{state}'"))
                    )
                });
                format!(
                    "SELECT * FROM ({}) AS of_each ORDER BY place {} LIMIT {limit}",
                    of_each.join(" UNION ALL "),
                    if descending { "DESC" } else { "ASC" },
                )
            }
        };
        Statement { sql, bound }
    }

    fn count(&self, most: i64) -> Statement {
        let key = self.key().sql();
        let (mut matching, mut bound) = (Vec::new(), Vec::new());
        if let Some(search) = &self.search {
            matching.push(format!("{key} >= $1 AND {key} < $2"));
            bound = vec![
                search.beginning().to_owned(),
                format!("{}{ABOVE}", search.beginning()),
            ];
        }
        let states = self
            .state
            .map_or(SubscriberState::ALL.to_vec(), |state| vec![state]);
        let words: Vec<String> = states.iter().map(|state| format!("'{state}'")).collect();
        matching.push(format!("state IN ({})", words.join(", ")));
        let sql = format!(
            "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM
                (SELECT id FROM subscribers WHERE {} LIMIT {most}) AS found",
            matching.join(" AND ")
        );
        Statement { sql, bound }
    }
}

/// A statement, and the texts bound to it.
struct Statement {
    sql: String,
    bound: Vec<String>,
}

// All of the paused, of whom there are few, by an index of their own.
const PAUSED: &str = "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM subscribers
    WHERE paused_until > $1 AND state = 'confirmed'";
fn by_id_sql(count: usize) -> String {
    format!(
        "SELECT {COLUMNS}, id AS place FROM subscribers WHERE id IN ({})",
        batch::list(1, count)
    )
}

const PLACE: &str = "SELECT id, address_key FROM subscribers WHERE id = $1";

impl Store {
    /// A page of the list, in its order whichever way it is turned.
    pub async fn subscribers(
        &self,
        filter: &SubscriberFilter,
        turn: Turn<'_>,
        limit: usize,
    ) -> Result<Vec<SubscriberRow>, StoreError> {
        let Statement { sql, bound } = filter.page(turn, limit);
        let query = bound
            .into_iter()
            .fold(sqlx::query(AssertSqlSafe(sql)), |query, text| {
                query.bind(text)
            });
        let rows = query.fetch_all(&self.pool).await?;
        let mut rows: Vec<SubscriberRow> = rows
            .iter()
            .map(subscriber_row)
            .collect::<Result<_, StoreError>>()?;
        if matches!(turn, Turn::Before(_)) {
            rows.reverse();
        }
        Ok(rows)
    }

    /// Those of them who are still there, in the order of their ids.
    pub async fn subscribers_by_id(
        &self,
        ids: &[SubscriberId],
    ) -> Result<Vec<SubscriberRow>, StoreError> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        let mut readers = Vec::with_capacity(ids.len());
        for run in batch::runs(&ids) {
            let query = sqlx::query(AssertSqlSafe(by_id_sql(run.len())));
            let query = run
                .iter()
                .fold(query, |query, id| query.bind(id.to_string()));
            for row in query.fetch_all(&self.pool).await? {
                readers.push(subscriber_row(&row)?);
            }
        }
        readers.sort_unstable_by_key(|reader| reader.id);
        Ok(readers)
    }

    /// Where a reader stands in a list; `None` when they are gone.
    pub async fn place_of(
        &self,
        id: &SubscriberId,
        filter: &SubscriberFilter,
    ) -> Result<Option<ListPlace>, StoreError> {
        let row = sqlx::query(PLACE)
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let address: String = row.try_get("address_key")?;
        Ok(Some(ListPlace(match filter.key() {
            Key::Id => id.to_string(),
            Key::Address => address,
            Key::Domain => {
                let domain = address.rfind('@').map_or("", |at| &address[at..]);
                format!("{domain} {address}")
            }
        })))
    }

    /// How many the filter finds, counted to `most` and no further.
    pub async fn count_subscribers(
        &self,
        filter: &SubscriberFilter,
        most: i64,
    ) -> Result<i64, StoreError> {
        let Statement { sql, bound } = filter.count(most);
        let query = bound
            .into_iter()
            .fold(sqlx::query_scalar(AssertSqlSafe(sql)), |query, text| {
                query.bind(text)
            });
        Ok(query.fetch_one(&self.pool).await?)
    }

    /// How many would get an issue now: confirmed and not paused.
    pub async fn readers(&self, now: Timestamp) -> Result<i64, StoreError> {
        let counts = self.subscriber_counts().await?;
        let confirmed = counts
            .into_iter()
            .find(|(state, _)| *state == SubscriberState::Confirmed);
        let paused: i64 = sqlx::query_scalar(PAUSED)
            .bind(now.as_millis())
            .fetch_one(&self.pool)
            .await?;
        Ok((confirmed.map_or(0, |(_, n)| n) - paused).max(0))
    }
}

fn subscriber_row(row: &AnyRow) -> Result<SubscriberRow, StoreError> {
    let at = |value: Option<i64>| value.map(Timestamp::from_millis);
    Ok(SubscriberRow {
        id: decode("subscriber id", row.try_get("id")?, SubscriberId::parse)?,
        address: row.try_get("address")?,
        name: row.try_get("name")?,
        state: decode(
            "subscriber state",
            row.try_get("state")?,
            SubscriberState::parse,
        )?,
        since: Timestamp::from_millis(row.try_get("state_at")?),
        source: row.try_get("source")?,
        created_at: Timestamp::from_millis(row.try_get("created_at")?),
        confirmed_at: at(row.try_get("confirmed_at")?),
        paused_until: at(row.try_get("paused_until")?),
        place: ListPlace(row.try_get("place")?),
    })
}

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[PAUSED, PLACE];

/// Every page there can be.
#[cfg(test)]
pub(super) fn statements() -> Vec<(String, Vec<String>)> {
    let place = ListPlace("m".to_owned());
    let mut all = vec![(by_id_sql(10), vec![place.0.clone(); 10])];
    for state in std::iter::once(None).chain(SubscriberState::ALL.map(Some)) {
        for search in [None, Search::parse("ad"), Search::parse("@example.c")] {
            for order in [Order::Newest, Order::Oldest, Order::Address] {
                let filter = SubscriberFilter {
                    state,
                    search: search.clone(),
                    order,
                };
                for turn in [Turn::First, Turn::After(&place), Turn::Before(&place)] {
                    let statement = filter.page(turn, 51);
                    all.push((statement.sql, statement.bound));
                }
            }
        }
    }
    all
}
