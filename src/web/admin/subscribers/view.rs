//! Data of the subscriber pages.

use serde::Serialize;

use crate::domain::clock::Timestamp;
use crate::domain::subscriber::SubscriberState;
use crate::store::{Store, StoreError};
use crate::web::admin::layout::AdminLayout;
use crate::web::render::{maybe_millis, millis, templates};

templates! {
    SubscribersPage => "admin/subscribers.html",
    SubscriberPage => "admin/subscriber.html",
    BulkPage => "admin/subscribers_bulk.html",
    ImportFormPage => "admin/subscribers_import.html",
    ImportPage => "admin/import_progress.html",
    BulkProgressPage => "admin/subscribers_bulk_progress.html",
}

/// Number of subscribers by state.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SubscriberCounts {
    /// All subscribers.
    pub all: i64,
    /// Subscribers who have not confirmed.
    pub pending: i64,
    /// Active subscribers.
    pub confirmed: i64,
    /// Subscribers who unsubscribed.
    pub unsubscribed: i64,
    /// Subscribers whose address bounced.
    pub suppressed: i64,
}

impl SubscriberCounts {
    /// Reads the counts from the database.
    ///
    /// # Errors
    /// Returns [`StoreError::Database`] if the query fails, and [`StoreError::Corrupt`] if a
    /// stored value cannot be parsed.
    pub async fn read(store: &Store) -> Result<Self, StoreError> {
        let mut counts = Self::default();
        for (state, count) in store.subscriber_counts().await? {
            counts.all += count;
            match state {
                SubscriberState::Pending => counts.pending = count,
                SubscriberState::Confirmed => counts.confirmed = count,
                SubscriberState::Unsubscribed => counts.unsubscribed = count,
                SubscriberState::Suppressed => counts.suppressed = count,
            }
        }
        Ok(counts)
    }
}

/// The last delivery of an issue to a subscriber.
#[derive(Clone, Debug, Serialize)]
pub struct LastDeliveryView {
    /// The issue's number.
    pub number: i64,
    /// `DeliveryState::as_str`
    pub state: &'static str,
}

/// One subscriber in the table.
#[derive(Clone, Debug, Serialize)]
pub struct SubscriberTableRow {
    /// The subscriber's id.
    pub id: String,
    /// The subscriber's address.
    pub address: String,
    /// The subscriber's name.
    pub name: Option<String>,
    /// `SubscriberState::as_str`
    pub state: &'static str,
    /// When the state last changed.
    #[serde(serialize_with = "millis")]
    pub since: Timestamp,
    /// End of a pause.
    #[serde(serialize_with = "maybe_millis")]
    pub paused_until: Option<Timestamp>,
    /// The last delivery of an issue, among the recent issues.
    pub last: Option<LastDeliveryView>,
    /// How the subscriber gave consent.
    pub source: String,
}

/// Form that posts `csrf`, `email` and `source` to `/admin/subscribers`.
#[derive(Clone, Debug, Default, Serialize)]
pub struct AddSubscriber {
    /// The address as it was typed.
    pub address: String,
    /// The source as it was typed.
    pub source: String,
    /// Error of the form.
    pub error: Option<String>,
}

/// Data of `GET /admin/subscribers?q=&state=&order=&after=&before=`.
#[derive(Clone, Debug, Serialize)]
pub struct SubscribersPage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// Number of subscribers by state.
    pub counts: SubscriberCounts,
    /// The text that is searched for.
    pub query: String,
    /// The filter: `SubscriberState::as_str`.
    pub state: Option<&'static str>,
    /// `newest`, `oldest` or `address`. Search results are sorted by address.
    pub order: &'static str,
    /// Query parameters after the state that preserve search and order.
    pub query_suffix: String,
    /// The subscribers of this page.
    pub rows: Vec<SubscriberTableRow>,
    /// Whether this is the first page.
    pub is_first: bool,
    /// Cursor of the previous page, for `before`.
    pub newer: Option<String>,
    /// Cursor of the next page, for `after`.
    pub older: Option<String>,
    /// The form for a new subscriber.
    pub add: AddSubscriber,
}

/// The record of a subscriber's consent.
#[derive(Clone, Debug, Serialize)]
pub struct Consent {
    /// How the subscriber gave consent.
    pub source: String,
    /// When the subscriber was added.
    #[serde(serialize_with = "millis")]
    pub added_at: Timestamp,
    /// When the subscriber signed up through the form.
    #[serde(serialize_with = "maybe_millis")]
    pub requested_at: Option<Timestamp>,
    /// IP address of the sign-up.
    pub requested_ip: Option<String>,
    /// Version of the form.
    pub form_version: Option<String>,
    /// When the address was confirmed.
    #[serde(serialize_with = "maybe_millis")]
    pub confirmed_at: Option<Timestamp>,
    /// IP address of the confirmation.
    pub confirmed_ip: Option<String>,
}

/// One email to a subscriber.
#[derive(Clone, Debug, Serialize)]
pub struct EmailRow {
    /// `DeliveryKind::as_str`
    pub kind: &'static str,
    /// Number of the issue, if the email is one.
    pub issue: Option<i64>,
    /// `DeliveryState::as_str`
    pub state: &'static str,
    /// Number of attempts.
    pub attempts: i64,
    /// When the state last changed.
    #[serde(serialize_with = "millis")]
    pub at: Timestamp,
    /// Last SMTP reply.
    pub reply: Option<String>,
}

/// Data of `GET /admin/subscribers/{id}?after=`. Posts `csrf` and `action` = `resend` or
/// `lift` there.
#[derive(Clone, Debug, Serialize)]
pub struct SubscriberPage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// The subscriber's id.
    pub id: String,
    /// The subscriber's address.
    pub address: String,
    /// The subscriber's name.
    pub name: Option<String>,
    /// `SubscriberState::as_str`
    pub state: &'static str,
    /// When the state last changed.
    #[serde(serialize_with = "millis")]
    pub since: Timestamp,
    /// End of a pause.
    #[serde(serialize_with = "maybe_millis")]
    pub paused_until: Option<Timestamp>,
    /// SMTP reply because of which the address was suppressed.
    pub suppression_reply: Option<String>,
    /// The record of the consent.
    pub consent: Consent,
    /// Emails of this page, newest first.
    pub emails: Vec<EmailRow>,
    /// Whether a page with newer emails exists.
    pub newer: bool,
    /// Cursor of the next page.
    pub older: Option<String>,
}

/// The list on which an action was started, and to which its pages link back.
#[derive(Clone, Debug, Serialize)]
pub struct ListLink {
    /// The text that is searched for.
    pub query: String,
    /// The filter: `SubscriberState::as_str`.
    pub state: Option<&'static str>,
    /// `newest`, `oldest` or `address`.
    pub order: &'static str,
    /// Path of the list, without the base path.
    pub path: String,
}

/// Data of `GET /admin/subscribers/many?do=&id=…` or `…&whom=all&state=&q=`: what an action
/// will do, and to how many subscribers. Posts `csrf`, `do` and either every `id`, or `whom`
/// = `all`, `state`, `q` and `seen` there.
#[derive(Clone, Debug, Serialize)]
pub struct BulkPage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// `unsubscribe`, `erase` or `resend`.
    pub action: &'static str,
    /// Number of subscribers.
    pub count: i64,
    /// Whether there may be more, because counting stops at a limit.
    pub is_capped: bool,
    /// Whether the action applies to a whole list instead of selected subscribers.
    pub is_whole_list: bool,
    /// Ids of the selected subscribers.
    pub ids: Vec<String>,
    /// The first addresses.
    pub addresses: Vec<String>,
    /// The text that is searched for.
    pub query: String,
    /// The filter: `SubscriberState::as_str`.
    pub state: Option<&'static str>,
    /// The list to go back to.
    pub list: ListLink,
}

/// Data of `GET /admin/subscribers/many/{id}`: progress of a bulk action.
#[derive(Clone, Debug, Serialize)]
pub struct BulkProgressPage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// Id of the task.
    pub id: String,
    /// As in [`BulkPage`].
    pub action: &'static str,
    /// Path of the list to go back to.
    pub list_path: String,
    /// Subscribers that were read.
    pub processed: u64,
    /// Subscribers that were changed.
    pub applied: u64,
    /// Whether the task has ended.
    pub is_finished: bool,
    /// Whether the task has ended with an error.
    pub has_failed: bool,
}

/// Data of `GET /admin/subscribers/import`. Posts `csrf`, `source`, `ask` (`yes` or `no`),
/// `file` and `pasted` there, as a multipart form and in this order.
#[derive(Clone, Debug, Serialize)]
pub struct ImportFormPage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// The source as it was typed.
    pub source: String,
    /// Whether each subscriber gets a confirmation email.
    pub pending: bool,
    /// The pasted addresses.
    pub pasted: String,
    /// Error of the form.
    pub error: Option<String>,
    /// Id of the field with the error: `file` or `source`.
    pub error_field: &'static str,
}

/// A row of the file that was rejected.
#[derive(Clone, Debug, Serialize)]
pub struct RejectedRowView {
    /// Number of the row, or of the pasted address.
    pub row: u64,
    /// Why it was rejected.
    pub reason: String,
}

/// Data of `GET /admin/subscribers/import/{id}`. Posts `csrf` and `action` = `import` or
/// `discard` there.
#[derive(Clone, Debug, Serialize)]
pub struct ImportPage {
    /// Data of the admin layout.
    pub layout: AdminLayout,
    /// Id of the task.
    pub id: String,
    /// Name of the file; `None` for pasted addresses.
    pub file_name: Option<String>,
    /// How the subscribers gave consent.
    pub source: String,
    /// Whether each subscriber gets a confirmation email.
    pub pending: bool,
    /// `checking`, `checked`, `importing`, `imported` or `failed`.
    pub stage: &'static str,
    /// Size of the file.
    pub bytes: u64,
    /// Bytes that were read.
    pub bytes_read: u64,
    /// New subscribers.
    pub imported: u64,
    /// Addresses that are already on the list.
    pub existing: u64,
    /// Addresses that unsubscribed, were erased or bounced.
    pub skipped: u64,
    /// Number of rejected rows.
    pub rejected: u64,
    /// The first rejected rows.
    pub rejected_rows: Vec<RejectedRowView>,
    /// Error because of which the import failed.
    pub error: Option<String>,
}
