//! Which part of the subscriber list a page shows.

use serde::Deserialize;
use url::form_urlencoded::Serializer;

use crate::domain::subscriber::{SubscriberId, SubscriberState};
use crate::store::{Order, Search, SubscriberFilter};
use crate::web::admin::flash::FlashMessage;
use crate::web::admin::form::FormFields;

/// Characters of a search or of a typed address. No address is longer.
pub const MAX_ADDRESS_CHARS: usize = 254;

/// Query of the list. Invalid parameters are ignored.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ListQuery {
    /// Start of an address, or of a domain after `@`.
    #[serde(default)]
    pub q: String,
    /// `SubscriberState::as_str`; empty for all.
    #[serde(default)]
    pub state: String,
    /// `newest`, `oldest` or `address`.
    #[serde(default)]
    pub order: String,
    /// Id of the last subscriber on the page before.
    #[serde(default)]
    pub after: String,
    /// Id of the first subscriber on the page after.
    #[serde(default)]
    pub before: String,
}

impl ListQuery {
    /// Returns the list that a form was on, by its hidden fields.
    pub fn from_fields(fields: &FormFields) -> Self {
        let text = |name: &str| fields.text(name).to_owned();
        Self {
            q: text("q"),
            state: text("state"),
            order: text("order"),
            ..Self::default()
        }
    }

    /// Returns the path of the first page of this list, with `message` to show there.
    pub fn path(&self, message: Option<FlashMessage>) -> String {
        let mut query = self.query_suffix();
        if let Some(state) = self.filter().state {
            query = format!("&state={}{query}", state.as_str());
        }
        if let Some(message) = message {
            query = format!("{query}&done={}", message.as_str());
        }
        let path = "/admin/subscribers".to_owned();
        match query.strip_prefix('&') {
            Some(query) => format!("{path}?{query}"),
            None => path,
        }
    }

    /// Returns the filter of the query.
    pub fn filter(&self) -> SubscriberFilter {
        SubscriberFilter {
            state: SubscriberState::parse(&self.state).ok(),
            search: Search::parse(&self.search_text()),
            order: self.order(),
        }
    }

    /// Returns the text that is searched for, limited to [`MAX_ADDRESS_CHARS`].
    pub fn search_text(&self) -> String {
        self.q.trim().chars().take(MAX_ADDRESS_CHARS).collect()
    }

    fn order(&self) -> Order {
        match self.order.as_str() {
            "oldest" => Order::Oldest,
            "address" => Order::Address,
            _ => Order::Newest,
        }
    }

    /// Returns the order's name in the query.
    pub fn order_name(&self) -> &'static str {
        match self.order() {
            Order::Newest => "newest",
            Order::Oldest => "oldest",
            Order::Address => "address",
        }
    }

    /// Returns the query parameters after the state that preserve search and order, each
    /// with a leading `&`.
    pub fn query_suffix(&self) -> String {
        let mut pairs = Serializer::new(String::new());
        let search = self.search_text();
        if !search.is_empty() {
            pairs.append_pair("q", &search);
        }
        if self.order() != Order::Newest {
            pairs.append_pair("order", self.order_name());
        }
        match pairs.finish() {
            empty if empty.is_empty() => empty,
            pairs => format!("&{pairs}"),
        }
    }

    /// Returns the cursor of a following page.
    pub fn after(&self) -> Option<SubscriberId> {
        SubscriberId::parse(&self.after).ok()
    }

    /// Returns the cursor of a previous page.
    pub fn before(&self) -> Option<SubscriberId> {
        SubscriberId::parse(&self.before).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(q: &str, order: &str) -> ListQuery {
        ListQuery {
            q: q.to_owned(),
            order: order.to_owned(),
            ..ListQuery::default()
        }
    }

    #[test]
    fn query_suffix_preserves_search_and_order() {
        assert_eq!(query("", "").query_suffix(), "");
        assert_eq!(query(" a&b ", "newest").query_suffix(), "&q=a%26b");
        assert_eq!(query("@x", "oldest").query_suffix(), "&q=%40x&order=oldest");
        assert_eq!(query("", "sideways").order_name(), "newest");
    }

    #[test]
    fn list_path_contains_state_and_message() {
        let pending = ListQuery {
            state: "pending".to_owned(),
            ..query("a&b", "oldest")
        };

        assert_eq!(query("", "").path(None), "/admin/subscribers");
        assert_eq!(
            pending.path(Some(FlashMessage::ConfirmationResent)),
            "/admin/subscribers?state=pending&q=a%26b&order=oldest&done=confirmation_resent"
        );
    }
}
