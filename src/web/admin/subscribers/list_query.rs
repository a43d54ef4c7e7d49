//! Which part of the list a page asks for, by its query.

use serde::Deserialize;
use url::form_urlencoded::Serializer;

use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::{Order, Search, SubscriberFilter};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::form::FormFields;

/// No address is longer.
pub const LONGEST_ADDRESS: usize = 254;

/// What makes no sense in it is passed over: a list is shown all the same.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ListQuery {
    #[serde(default)]
    pub q: String,
    #[serde(default)]
    pub state: String,
    #[serde(default)]
    pub order: String,
    #[serde(default)]
    pub after: String,
    #[serde(default)]
    pub before: String,
}

impl ListQuery {
    /// The list that a form was on, by its fields.
    pub fn of(fields: &FormFields) -> Self {
        let text = |name: &str| fields.text(name).to_owned();
        Self {
            q: text("q"),
            state: text("state"),
            order: text("order"),
            ..Self::default()
        }
    }

    /// The list as it is asked for, and what was done there.
    pub fn list(&self, notice: Option<FlashMessage>) -> String {
        let mut query = self.narrowed();
        if let Some(state) = self.filter().state {
            query = format!("&state={}{query}", state.as_str());
        }
        if let Some(notice) = notice {
            query = format!("{query}&done={}", notice.as_str());
        }
        let begin = "/admin/subscribers".to_owned();
        match query.strip_prefix('&') {
            Some(query) => format!("{begin}?{query}"),
            None => begin,
        }
    }

    pub fn filter(&self) -> SubscriberFilter {
        SubscriberFilter {
            state: SubscriberState::parse(&self.state).ok(),
            search: Search::parse(&self.query()),
            order: self.order(),
        }
    }

    pub fn query(&self) -> String {
        self.q.trim().chars().take(LONGEST_ADDRESS).collect()
    }

    fn order(&self) -> Order {
        match self.order.as_str() {
            "oldest" => Order::Oldest,
            "address" => Order::Address,
            _ => Order::Newest,
        }
    }

    pub fn order_word(&self) -> &'static str {
        match self.order() {
            Order::Newest => "newest",
            Order::Oldest => "oldest",
            Order::Address => "address",
        }
    }

    /// The rest of a link's query, behind the state, that keeps the search and the order.
    pub fn narrowed(&self) -> String {
        let mut pairs = Serializer::new(String::new());
        let query = self.query();
        if !query.is_empty() {
            pairs.append_pair("q", &query);
        }
        if self.order() != Order::Newest {
            pairs.append_pair("order", self.order_word());
        }
        match pairs.finish() {
            none if none.is_empty() => none,
            pairs => format!("&{pairs}"),
        }
    }

    pub fn after(&self) -> Option<SubscriberId> {
        SubscriberId::parse(&self.after).ok()
    }

    pub fn before(&self) -> Option<SubscriberId> {
        SubscriberId::parse(&self.before).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_keeps_what_was_asked_for() {
        let asked = |q: &str, order: &str| ListQuery {
            q: q.to_owned(),
            order: order.to_owned(),
            ..ListQuery::default()
        };
        assert_eq!(asked("", "").narrowed(), "");
        assert_eq!(asked(" a&b ", "newest").narrowed(), "&q=a%26b");
        assert_eq!(asked("@x", "oldest").narrowed(), "&q=%40x&order=oldest");
        let all = asked("", "").list(None);
        assert_eq!(all, "/admin/subscribers");
        let these = ListQuery {
            state: "pending".to_owned(),
            ..asked("a&b", "oldest")
        };
        assert_eq!(
            these.list(Some(FlashMessage::AskedAgain)),
            "/admin/subscribers?state=pending&q=a%26b&order=oldest&done=asked_again"
        );
        assert_eq!(asked("", "sideways").order_word(), "newest");
    }
}
