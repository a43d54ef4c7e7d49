//! Which readers a list shows, in which order, and the statements that find them. Each
//! order is that of an index, and a page begins where the one before it ended.

use crate::domain::subscriber::SubscriberState;

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
pub struct Cursor(pub(crate) String);

/// Which rows of a list.
#[derive(Clone, Copy, Debug, Default)]
pub enum PageDirection<'a> {
    #[default]
    First,
    After(&'a Cursor),
    /// The last ones before it.
    Before(&'a Cursor),
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
pub(crate) enum SortKey {
    Id,
    Address,
    Domain,
}

impl SortKey {
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

pub(crate) const COLUMNS: &str =
    "id, address, name, state, state_at, source, created_at, confirmed_at, paused_until";

/// Above every address, which is ASCII without control characters.
const ABOVE: char = '\u{7f}';

impl SubscriberFilter {
    pub(crate) fn key(&self) -> SortKey {
        match (&self.search, self.order) {
            (Some(Search::Domain(_)), _) => SortKey::Domain,
            (Some(Search::Address(_)), _) | (None, Order::Address) => SortKey::Address,
            (None, Order::Newest | Order::Oldest) => SortKey::Id,
        }
    }

    fn is_descending(&self) -> bool {
        self.search.is_none() && self.order == Order::Newest
    }

    /// The statement of a page, read forwards or backwards, and what is bound to it.
    pub(crate) fn page(&self, turn: PageDirection<'_>, limit: usize) -> FilterQuery {
        let key = self.key();
        let backwards = matches!(turn, PageDirection::Before(_));
        let descending = self.is_descending() != backwards;
        let mut conditions = Vec::new();
        let mut bound = Vec::new();
        let mut bind = |sign: &str, value: String| {
            bound.push(value);
            conditions.push(format!("{} {sign} ${}", key.sql(), bound.len()));
        };
        if let Some(search) = &self.search {
            let from = search.beginning();
            bind(">=", from.to_owned());
            bind("<", format!("{from}{ABOVE}"));
        }
        if let PageDirection::After(place) | PageDirection::Before(place) = turn {
            bind(if descending { "<" } else { ">" }, place.0.clone());
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
            (None, SortKey::Id | SortKey::Address) => select(""),
            // The index has the state first: the first rows of each state, and of those the first.
            (None, SortKey::Domain) => {
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
        FilterQuery { sql, bound }
    }

    pub(crate) fn count(&self, most: i64) -> FilterQuery {
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
        FilterQuery { sql, bound }
    }
}

/// A statement, and the texts bound to it.
pub(crate) struct FilterQuery {
    pub(crate) sql: String,
    pub(crate) bound: Vec<String>,
}

/// Every page there can be.
#[cfg(test)]
pub(crate) fn statements() -> Vec<(String, Vec<String>)> {
    let place = Cursor("m".to_owned());
    let mut all = vec![(
        crate::store::subscribers::list::by_id_sql(10),
        vec![place.0.clone(); 10],
    )];
    for state in std::iter::once(None).chain(SubscriberState::ALL.map(Some)) {
        for search in [None, Search::parse("ad"), Search::parse("@example.c")] {
            for order in [Order::Newest, Order::Oldest, Order::Address] {
                let filter = SubscriberFilter {
                    state,
                    search: search.clone(),
                    order,
                };
                for turn in [
                    PageDirection::First,
                    PageDirection::After(&place),
                    PageDirection::Before(&place),
                ] {
                    let statement = filter.page(turn, 51);
                    all.push((statement.sql, statement.bound));
                }
            }
        }
    }
    all
}
