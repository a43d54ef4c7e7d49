//! Schemas of strings with a fixed set of values.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{Object, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::delivery::DeliveryState;
use crate::domain::issue::IssueStatus;
use crate::domain::subscriber::SubscriberState;

fn string_enum<'a>(values: impl IntoIterator<Item = &'a str>) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(values))
        .build()
}

/// Schema of the results of adding a confirmed subscriber.
pub fn added_results() -> Object {
    string_enum(["added", "unchanged"])
}

/// Schema of the results of an unsubscribe.
pub fn unsubscribed_results() -> Object {
    string_enum(["unsubscribed", "unchanged"])
}

/// Schema of the results of sending the next issue.
pub fn send_results() -> Object {
    string_enum([
        "sending",
        "paused",
        "sent",
        "cancelled",
        "already_sent",
        "nothing_new",
        "skipped",
    ])
}

/// Declares the named schema of a state.
macro_rules! state_schema {
    ($(#[$doc:meta])* $schema:ident, $name:literal, $description:expr, $states:expr) => {
        $(#[$doc])*
        pub struct $schema;

        impl PartialSchema for $schema {
            fn schema() -> RefOr<Schema> {
                let mut schema = string_enum($states.iter().map(|state| state.as_str()));
                schema.description = $description;
                schema.into()
            }
        }

        impl ToSchema for $schema {
            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
        }
    };
}

state_schema! {
    /// Schema of [`SubscriberState`].
    SubscriberStateSchema, "SubscriberState", None, SubscriberState::ALL
}
state_schema! {
    /// Schema of [`DeliveryState`].
    DeliveryStateSchema, "DeliveryState", None, DeliveryState::ALL
}
state_schema! {
    /// Schema of [`IssueStatus`].
    IssueStateSchema, "IssueState",
    Some("`sent` only after every recipient is accounted for.".to_owned()), [
        IssueStatus::Sending,
        IssueStatus::Paused,
        IssueStatus::Sent,
        IssueStatus::SentWithFailures,
        IssueStatus::Cancelled,
    ]
}
