//! Conversion between the types of the domain and columns.
//!
//! Implements sqlx's `Type`, `Encode` and `Decode` for the `Any` database, so that statements
//! bind ids, times and states directly and rows return them. A stored value that cannot be
//! parsed becomes [`StoreError::Corrupt`](crate::store::error::StoreError::Corrupt).

use sqlx::any::AnyTypeInfo;
use sqlx::error::BoxDynError;
use sqlx::{Any, Database, Decode, Encode, Type, encode::IsNull};

use crate::domain::api_token::{Scopes, TokenName};
use crate::domain::audit::{ActorKind, AuditAction};
use crate::domain::clock::Timestamp;
use crate::domain::delivery::{DeliveryId, DeliveryKind, DeliveryState};
use crate::domain::email_address::EmailAddress;
use crate::domain::ids::{
    AdminId, ApiTokenId, AuditId, FeedId, IssueId, PostId, SubscriberId, WorkerId,
};
use crate::domain::issue::slot::Slot;
use crate::domain::issue::{IssueNumber, IssueState};
use crate::domain::subscriber::SubscriberState;
use crate::store::error::CorruptValue;

type ArgumentBuffer = <Any as Database>::ArgumentBuffer;
type ValueRef<'r> = <Any as Database>::ValueRef<'r>;

/// Implements the sqlx traits for a type that is stored as `TEXT`.
///
/// Parameters: the type, its name in error messages, a function from `&T` to an owned or static
/// string, and a function from `&str` to `Result<T, _>`.
macro_rules! text_column {
    ($type:ty, $what:literal, $to_text:expr, $parse:expr) => {
        impl ::sqlx::Type<::sqlx::Any> for $type {
            fn type_info() -> ::sqlx::any::AnyTypeInfo {
                <String as ::sqlx::Type<::sqlx::Any>>::type_info()
            }
        }

        impl ::sqlx::Encode<'_, ::sqlx::Any> for $type {
            fn encode_by_ref(
                &self,
                buffer: &mut <::sqlx::Any as ::sqlx::Database>::ArgumentBuffer,
            ) -> Result<::sqlx::encode::IsNull, ::sqlx::error::BoxDynError> {
                let to_text: fn(&$type) -> _ = $to_text;
                ::sqlx::Encode::<::sqlx::Any>::encode(to_text(self), buffer)
            }
        }

        impl ::sqlx::Decode<'_, ::sqlx::Any> for $type {
            fn decode(
                value: <::sqlx::Any as ::sqlx::Database>::ValueRef<'_>,
            ) -> Result<Self, ::sqlx::error::BoxDynError> {
                $crate::store::db::codec::decode_text(value, $what, $parse)
            }
        }
    };
}
pub(crate) use text_column;

/// Decodes a `TEXT` value; `what` names it in the error.
///
/// # Errors
/// Returns a [`CorruptValue`] if `parse` fails, and sqlx's error if the value is not a text.
pub(crate) fn decode_text<T, E>(
    value: ValueRef<'_>,
    what: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, BoxDynError> {
    let text = <&str as Decode<Any>>::decode(value)?;
    parse(text).map_err(|_| {
        let value = text.to_owned();
        CorruptValue { what, value }.into()
    })
}

/// Implements the sqlx traits for a type that is stored as `BIGINT`, as `text_column!` does.
macro_rules! integer_column {
    ($type:ty, $what:literal, $to_integer:expr, $parse:expr) => {
        impl Type<Any> for $type {
            fn type_info() -> AnyTypeInfo {
                <i64 as Type<Any>>::type_info()
            }

            fn compatible(info: &AnyTypeInfo) -> bool {
                <i64 as Type<Any>>::compatible(info)
            }
        }

        impl Encode<'_, Any> for $type {
            fn encode_by_ref(&self, buffer: &mut ArgumentBuffer) -> Result<IsNull, BoxDynError> {
                let to_integer: fn($type) -> i64 = $to_integer;
                Encode::<Any>::encode(to_integer(*self), buffer)
            }
        }

        impl Decode<'_, Any> for $type {
            fn decode(value: ValueRef<'_>) -> Result<Self, BoxDynError> {
                let stored = <i64 as Decode<Any>>::decode(value)?;
                $parse(stored).map_err(|_| {
                    let value = stored.to_string();
                    CorruptValue { what: $what, value }.into()
                })
            }
        }
    };
}

text_column!(
    SubscriberId,
    "subscriber id",
    ToString::to_string,
    SubscriberId::parse
);
text_column!(IssueId, "issue id", ToString::to_string, IssueId::parse);
text_column!(FeedId, "feed id", ToString::to_string, FeedId::parse);
text_column!(PostId, "post id", ToString::to_string, PostId::parse);
text_column!(AdminId, "admin id", ToString::to_string, AdminId::parse);
text_column!(AuditId, "audit id", ToString::to_string, AuditId::parse);
text_column!(
    ApiTokenId,
    "token id",
    ToString::to_string,
    ApiTokenId::parse
);
text_column!(WorkerId, "worker id", ToString::to_string, WorkerId::parse);
text_column!(Slot, "slot", ToString::to_string, Slot::parse);
text_column!(
    EmailAddress,
    "address",
    ToString::to_string,
    EmailAddress::parse
);
text_column!(
    DeliveryKind,
    "delivery kind",
    |kind| kind.as_str(),
    DeliveryKind::parse
);
text_column!(
    DeliveryState,
    "delivery state",
    |state| state.as_str(),
    DeliveryState::parse
);
text_column!(
    IssueState,
    "issue state",
    |state| state.as_str(),
    IssueState::parse
);
text_column!(
    SubscriberState,
    "subscriber state",
    |state| state.as_str(),
    SubscriberState::parse
);
text_column!(
    TokenName,
    "token name",
    |name| name.as_str().to_owned(),
    TokenName::parse
);
text_column!(
    ActorKind,
    "actor kind",
    |kind| kind.as_str(),
    ActorKind::parse
);
text_column!(
    AuditAction,
    "action",
    |action| action.as_str(),
    AuditAction::parse
);
text_column!(Scopes, "scopes", ToString::to_string, |text| Scopes::parse(
    text.split(' ')
));
text_column!(DeliveryId, "delivery id", ToString::to_string, |text| {
    Ok::<_, std::convert::Infallible>(DeliveryId::from_stored(text.to_owned()))
});
integer_column!(
    IssueNumber,
    "issue number",
    IssueNumber::get,
    IssueNumber::new
);
integer_column!(Timestamp, "time", Timestamp::as_millis, |millis| {
    Ok::<_, std::convert::Infallible>(Timestamp::from_millis(millis))
});

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::Row;

    use crate::store::error::StoreError;
    use crate::store::{DatabaseUrl, Store};

    async fn store(folder: &std::path::Path) -> Store {
        Store::connect(&DatabaseUrl::Sqlite(folder.join("test.db")))
            .await
            .unwrap()
    }

    #[tokio::test]
    async fn bound_values_decode_to_the_same_values() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;
        let id = IssueId::from_uuid(uuid::Uuid::from_u128(7));
        let address = EmailAddress::parse("Ada@example.org").unwrap();

        let row = sqlx::query("SELECT $1, $2, $3, $4, $5")
            .bind(id)
            .bind(&address)
            .bind(DeliveryState::InDoubt)
            .bind(Timestamp::from_millis(-5))
            .bind(None::<DeliveryId>)
            .fetch_one(&store.pool)
            .await
            .unwrap();

        assert_eq!(row.try_get::<IssueId, _>(0).unwrap(), id);
        assert_eq!(row.try_get::<EmailAddress, _>(1).unwrap(), address);
        assert_eq!(
            row.try_get::<DeliveryState, _>(2).unwrap(),
            DeliveryState::InDoubt
        );
        assert_eq!(
            row.try_get::<Timestamp, _>(3).unwrap(),
            Timestamp::from_millis(-5)
        );
        assert_eq!(row.try_get::<Option<DeliveryId>, _>(4).unwrap(), None);
        store.close().await;
    }

    #[tokio::test]
    async fn invalid_stored_value_is_reported_as_corrupt() {
        let folder = tempfile::tempdir().unwrap();
        let store = store(folder.path()).await;

        let state = sqlx::query_scalar::<_, DeliveryState>("SELECT 'lost'");
        let state = StoreError::from(state.fetch_one(&store.pool).await.unwrap_err());
        let number = sqlx::query_scalar::<_, IssueNumber>("SELECT 0");
        let number = StoreError::from(number.fetch_one(&store.pool).await.unwrap_err());
        let wrong_type = sqlx::query_scalar::<_, IssueNumber>("SELECT 'one'");
        let wrong_type = StoreError::from(wrong_type.fetch_one(&store.pool).await.unwrap_err());

        assert_eq!(
            state.to_string(),
            "the database contains an invalid delivery state: lost"
        );
        assert!(number.is_corrupt());
        assert!(!wrong_type.is_corrupt());
        store.close().await;
    }
}
