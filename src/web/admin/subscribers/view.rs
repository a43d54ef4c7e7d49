//! Who reads.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::web::admin::layout::AdminLayout;
use crate::web::pages::templates;
use crate::web::pages::{maybe_millis, millis};

templates! {
    Subscribers => "admin/subscribers.html",
    SubscriberPage => "admin/subscriber.html",
    Many => "admin/subscribers_bulk.html",
    ImportForm => "admin/subscribers_import.html",
    ImportPage => "admin/import_progress.html",
    ManyUnderWay => "admin/subscribers_bulk_progress.html",
}

#[derive(Clone, Debug, Default, Serialize)]
pub struct SubscriberCounts {
    pub all: i64,
    pub pending: i64,
    pub confirmed: i64,
    pub unsubscribed: i64,
    pub suppressed: i64,
}

/// The last issue that a reader was to get.
#[derive(Clone, Debug, Serialize)]
pub struct LastIssue {
    pub number: i64,
    /// `DeliveryState::as_str`
    pub state: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct SubscriberLine {
    pub id: String,
    pub address: String,
    pub name: Option<String>,
    /// `SubscriberState::as_str`
    pub state: &'static str,
    #[serde(serialize_with = "millis")]
    pub since: Timestamp,
    #[serde(serialize_with = "maybe_millis")]
    pub paused_until: Option<Timestamp>,
    pub last: Option<LastIssue>,
    pub source: String,
}

/// Posts `csrf`, `email` and `source` to `/admin/subscribers`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AddSubscriber {
    pub address: String,
    pub source: String,
    pub fault: Option<String>,
}

/// `GET /admin/subscribers?q=&state=&order=&after=&before=`.
#[derive(Clone, Debug, Serialize)]
pub struct Subscribers {
    pub desk: AdminLayout,
    pub counts: SubscriberCounts,
    pub query: String,
    /// The filter: `SubscriberState::as_str`.
    pub state: Option<&'static str>,
    /// `newest`, `oldest` or `address`; what is searched for comes by address.
    pub order: &'static str,
    /// What a link's query says behind the state to keep search and order.
    pub narrowed: String,
    pub rows: Vec<SubscriberLine>,
    pub is_first: bool,
    /// The page before's `before`.
    pub newer: Option<String>,
    /// The next page's `after`.
    pub older: Option<String>,
    pub add: AddSubscriber,
}

/// What shows that a reader agreed.
#[derive(Clone, Debug, Serialize)]
pub struct Consent {
    pub source: String,
    #[serde(serialize_with = "millis")]
    pub came_at: Timestamp,
    #[serde(serialize_with = "maybe_millis")]
    pub asked_at: Option<Timestamp>,
    pub asked_ip: Option<String>,
    pub form_version: Option<String>,
    #[serde(serialize_with = "maybe_millis")]
    pub confirmed_at: Option<Timestamp>,
    pub confirmed_ip: Option<String>,
}

/// One mail to a reader.
#[derive(Clone, Debug, Serialize)]
pub struct MailLine {
    /// `DeliveryKind::as_str`
    pub kind: &'static str,
    pub issue: Option<i64>,
    /// `DeliveryState::as_str`
    pub state: &'static str,
    pub attempts: i64,
    /// When its state last changed.
    #[serde(serialize_with = "millis")]
    pub at: Timestamp,
    /// The server's words.
    pub reply: Option<String>,
}

/// `GET /admin/subscribers/{id}?after=`. Posts `csrf` and `action` = `resend` or `lift`
/// there.
#[derive(Clone, Debug, Serialize)]
pub struct SubscriberPage {
    pub desk: AdminLayout,
    pub id: String,
    pub address: String,
    pub name: Option<String>,
    /// `SubscriberState::as_str`
    pub state: &'static str,
    #[serde(serialize_with = "millis")]
    pub since: Timestamp,
    #[serde(serialize_with = "maybe_millis")]
    pub paused_until: Option<Timestamp>,
    /// The server's words that ended it.
    pub suppressed_why: Option<String>,
    pub consent: Consent,
    pub mails: Vec<MailLine>,
    pub newer: bool,
    pub older: Option<String>,
}

/// The list on which something was begun, and to which its pages lead back.
#[derive(Clone, Debug, Serialize)]
pub struct AskedList {
    pub query: String,
    pub state: Option<&'static str>,
    pub order: &'static str,
    /// Its address, without the base.
    pub page: String,
}

/// `GET /admin/subscribers/many?do=&id=…` or `…&whom=all&state=&q=`: what will be done, and
/// to whom. Posts `csrf`, `do` and either every `id`, or `whom` = `all`, `state`, `q` and
/// `seen` there.
#[derive(Clone, Debug, Serialize)]
pub struct Many {
    pub desk: AdminLayout,
    /// `unsubscribe`, `erase` or `resend`
    pub deed: &'static str,
    pub people: i64,
    /// There may be more of them: they were counted no further.
    pub or_more: bool,
    /// All that a list finds, instead of those ticked.
    pub all: bool,
    pub ids: Vec<String>,
    /// The first of them.
    pub addresses: Vec<String>,
    pub query: String,
    pub state: Option<&'static str>,
    pub list: AskedList,
}

/// `GET /admin/subscribers/many/{id}`: how far it is.
#[derive(Clone, Debug, Serialize)]
pub struct ManyUnderWay {
    pub desk: AdminLayout,
    pub id: String,
    /// As in [`Many`].
    pub deed: &'static str,
    /// [`AskedList::page`]
    pub list: String,
    pub looked_at: u64,
    pub applied: u64,
    pub ended: bool,
    pub failed: bool,
}

/// `GET /admin/subscribers/import`. Posts `csrf`, `source`, `ask` (`yes` or `no`), `file`
/// and `pasted` there, as a multipart form and in this order.
#[derive(Clone, Debug, Serialize)]
pub struct ImportForm {
    pub desk: AdminLayout,
    pub source: String,
    pub pending: bool,
    pub pasted: String,
    pub fault: Option<String>,
    /// The field that the fault is about: `file` or `source`.
    pub fault_at: &'static str,
}

#[derive(Clone, Debug, Serialize)]
pub struct RefusedLine {
    pub row: u64,
    pub why: String,
}

/// `GET /admin/subscribers/import/{id}`. Posts `csrf` and `action` = `import` or `discard`
/// there.
#[derive(Clone, Debug, Serialize)]
pub struct ImportPage {
    pub desk: AdminLayout,
    pub id: String,
    /// None for what was pasted.
    pub name: Option<String>,
    pub source: String,
    pub pending: bool,
    /// `checking`, `checked`, `importing`, `imported` or `failed`
    pub stage: &'static str,
    pub bytes: u64,
    pub bytes_read: u64,
    pub new: u64,
    pub known: u64,
    pub kept_out: u64,
    pub refused: u64,
    /// The first of the refused.
    pub rows: Vec<RefusedLine>,
    pub fault: Option<String>,
}
