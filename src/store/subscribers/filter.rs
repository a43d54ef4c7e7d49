//! Filter and order of the subscriber list, and the statements that read its pages.
//!
//! Each order is the order of an index, and a page starts at the cursor where the page before
//! it ended (keyset pagination), so that no statement sorts or skips rows.

use crate::domain::subscriber::SubscriberState;

/// A search for addresses by their start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Search {
    /// The start of an address, in lower case.
    Address(String),
    /// The start of a domain, in lower case, with the `@` before it.
    Domain(String),
}

/// The order of the list without a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By id, descending.
    #[default]
    Newest,
    /// By id, ascending.
    Oldest,
    /// By address, ascending.
    Address,
}

/// Selects subscribers and their order.
#[derive(Clone, Debug, Default)]
pub struct SubscriberFilter {
    /// Only subscribers in this state; `None` for all.
    pub state: Option<SubscriberState>,
    /// Only addresses that match. Results are ordered by address or domain instead of `order`.
    pub search: Option<Search>,
    /// The order if `search` is `None`.
    pub order: Order,
}

/// A position in the order of a list: the value of its sort key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub(crate) String);

/// Selects a page of a list.
#[derive(Clone, Copy, Debug, Default)]
pub enum PageDirection<'a> {
    /// The first page.
    #[default]
    First,
    /// The page after this position.
    After(&'a Cursor),
    /// The page that ends before this position.
    Before(&'a Cursor),
}

impl Search {
    /// Parses the text of a search box. Returns `None` for a blank text.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().replace('\0', "").to_ascii_lowercase();
        match text.chars().next() {
            None => None,
            Some('@') => Some(Self::Domain(text)),
            Some(_) => Some(Self::Address(text)),
        }
    }

    /// Returns the range of sort keys that start with the search text: from the first bound,
    /// inclusive, to the second, exclusive.
    fn key_range(&self) -> [String; 2] {
        let (Self::Address(text) | Self::Domain(text)) = self;
        [text.clone(), format!("{text}{AFTER_ADDRESS_CHARS}")]
    }
}

/// The column or expression that a list is ordered by. Each is indexed after the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SortKey {
    Id,
    Address,
    Domain,
}

impl SortKey {
    /// Returns the SQL expression. That of the domain must equal the expression of the index
    /// `subscribers_by_domain` exactly, or the index is not used.
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

/// The columns of a `SubscriberRow`, without its cursor.
pub(crate) const COLUMNS: &str = "id, address, name, state, state_at, source, created_at, confirmed_at, paused_until, suppression_cause";

/// Sorts after every character of an address key, which is ASCII without control characters.
const AFTER_ADDRESS_CHARS: char = '\u{7f}';

/// A statement and the values of its parameters.
pub(crate) struct FilterQuery {
    pub(crate) sql: String,
    pub(crate) parameters: Vec<String>,
}

impl SubscriberFilter {
    /// Returns the key that the list is ordered by.
    pub(crate) fn sort_key(&self) -> SortKey {
        match (&self.search, self.order) {
            (Some(Search::Domain(_)), _) => SortKey::Domain,
            (Some(Search::Address(_)), _) | (None, Order::Address) => SortKey::Address,
            (None, Order::Newest | Order::Oldest) => SortKey::Id,
        }
    }

    /// Returns the statement of a page of at most `limit` rows.
    ///
    /// For [`PageDirection::Before`] the rows are in reverse order, because they are read
    /// backward from the cursor.
    pub(crate) fn page_query(&self, page: PageDirection<'_>, limit: usize) -> FilterQuery {
        let key = self.sort_key();
        let is_list_descending = self.search.is_none() && self.order == Order::Newest;
        let is_backward = matches!(page, PageDirection::Before(_));
        let is_descending = is_list_descending != is_backward;
        let order = if is_descending { "DESC" } else { "ASC" };

        let mut conditions = Vec::new();
        let mut parameters = Vec::new();
        let mut compare_key = |operator: &str, value: String| {
            parameters.push(value);
            conditions.push(format!("{} {operator} ${}", key.sql(), parameters.len()));
        };
        if let Some([from, to]) = self.search.as_ref().map(Search::key_range) {
            compare_key(">=", from);
            compare_key("<", to);
        }
        if let PageDirection::After(cursor) | PageDirection::Before(cursor) = page {
            compare_key(if is_descending { "<" } else { ">" }, cursor.0.clone());
        }

        let select = |state: Option<SubscriberState>| {
            let state = state.map(|state| format!("state = '{state}'"));
            let conditions: Vec<&str> = state
                .iter()
                .chain(&conditions)
                .map(String::as_str)
                .collect();
            let condition = if conditions.is_empty() {
                String::new()
            } else {
                format!("WHERE {}", conditions.join(" AND "))
            };
            format!(
                "SELECT {COLUMNS}, {} AS sort_key
                FROM subscribers {condition} ORDER BY sort_key {order} LIMIT {limit}",
                key.sql(),
            )
        };
        let sql = match (self.state, key) {
            (Some(state), _) => select(Some(state)),
            (None, SortKey::Id | SortKey::Address) => select(None),
            // The index starts with the state: merges the first rows of each state.
            (None, SortKey::Domain) => {
                let select_state = |state: &SubscriberState| {
                    format!("SELECT * FROM ({}) AS {state}_rows", select(Some(*state)))
                };
                let states: Vec<String> = SubscriberState::ALL.iter().map(select_state).collect();
                format!(
                    "SELECT * FROM ({}) AS all_rows ORDER BY sort_key {order} LIMIT {limit}",
                    states.join(" UNION ALL "),
                )
            }
        };
        FilterQuery { sql, parameters }
    }

    /// Returns the statement that counts the matching subscribers, up to `limit`.
    pub(crate) fn count_query(&self, limit: i64) -> FilterQuery {
        let key = self.sort_key().sql();
        let mut conditions = Vec::new();
        let mut parameters = Vec::new();
        if let Some(search) = &self.search {
            conditions.push(format!("{key} >= $1 AND {key} < $2"));
            parameters.extend(search.key_range());
        }
        // Naming all states lets the statement use an index that starts with the state.
        let states = self
            .state
            .map_or(SubscriberState::ALL.to_vec(), |state| vec![state]);
        let states: Vec<String> = states.iter().map(|state| format!("'{state}'")).collect();
        conditions.push(format!("state IN ({})", states.join(", ")));
        let sql = format!(
            "SELECT CAST(COUNT(*) AS BIGINT) AS n FROM
                (SELECT id FROM subscribers WHERE {} LIMIT {limit}) AS found",
            conditions.join(" AND ")
        );
        FilterQuery { sql, parameters }
    }
}

/// Returns the statement of every kind of page and of a list of ids, with its parameters.
#[cfg(test)]
pub(crate) fn statements() -> Vec<(String, Vec<String>)> {
    let cursor = Cursor("m".to_owned());
    let pages = [
        PageDirection::First,
        PageDirection::After(&cursor),
        PageDirection::Before(&cursor),
    ];
    let by_id = crate::store::subscribers::list::by_id_sql(10);
    let mut statements = vec![(by_id, vec![cursor.0.clone(); 10])];
    for state in std::iter::once(None).chain(SubscriberState::ALL.iter().copied().map(Some)) {
        for search in [None, Search::parse("ad"), Search::parse("@example.c")] {
            for order in [Order::Newest, Order::Oldest, Order::Address] {
                let filter = SubscriberFilter {
                    state,
                    search: search.clone(),
                    order,
                };
                for page in pages {
                    let query = filter.page_query(page, 51);
                    statements.push((query.sql, query.parameters));
                }
            }
        }
    }
    statements
}
