//! Removes an erased address from texts that are stored outside the subscriber's own rows.

use crate::domain::delivery::DeliveryId;
use crate::domain::email_address::EmailAddress;
use crate::store::db::transaction::WriteTx;
use crate::store::error::StoreError;

/// Replies of mail servers that an issue shows. A server may write the address as it received it
/// (`$1`) or in lower case (`$2`).
const CUT_FROM_ISSUES: &str = "UPDATE issues SET
        last_reply = REPLACE(REPLACE(last_reply, $1, '(erased)'), $2, '(erased)'),
        pause_reason = REPLACE(REPLACE(pause_reason, $1, '(erased)'), $2, '(erased)')
    WHERE last_reply <> REPLACE(REPLACE(last_reply, $1, ''), $2, '')
       OR pause_reason <> REPLACE(REPLACE(pause_reason, $1, ''), $2, '')";
/// Alerts, which quote such replies.
const CUT_FROM_ALERTS: &str = "UPDATE deliveries SET
        payload = REPLACE(REPLACE(payload, $1, '(erased)'), $2, '(erased)')
    WHERE issue_id IS NULL AND kind = 'alert'
      AND payload <> REPLACE(REPLACE(payload, $1, ''), $2, '')";
/// Finished mail to the address that belongs to nobody or to another subscriber: a test, or a
/// change to this address.
const ANONYMIZE_OTHER_MAIL: &str =
    "UPDATE deliveries SET address = NULL, payload = NULL, reply = NULL
    WHERE issue_id IS NULL AND kind IN ('test', 'reader_link', 'already_subscribed')
      AND due_at IS NULL AND LOWER(address) = $1 RETURNING id";

/// Removes `address` from the replies of issues. Locks the rows of these issues.
pub(crate) async fn cut_from_issues(
    tx: &mut WriteTx,
    address: &EmailAddress,
) -> Result<(), StoreError> {
    replace(tx, CUT_FROM_ISSUES, address).await
}

/// Removes `address` from alerts and from mail that is not the subscriber's own. Returns the ids
/// of that mail.
pub(crate) async fn cut_from_deliveries(
    tx: &mut WriteTx,
    address: &EmailAddress,
) -> Result<Vec<DeliveryId>, StoreError> {
    replace(tx, CUT_FROM_ALERTS, address).await?;
    let ids: Vec<String> = sqlx::query_scalar(ANONYMIZE_OTHER_MAIL)
        .bind(address.to_string().to_lowercase())
        .fetch_all(&mut **tx)
        .await?;
    Ok(ids.into_iter().map(DeliveryId::from_stored).collect())
}

async fn replace(
    tx: &mut WriteTx,
    statement: &'static str,
    address: &EmailAddress,
) -> Result<(), StoreError> {
    let text = address.to_string();
    sqlx::query(statement)
        .bind(text.as_str())
        .bind(text.to_lowercase())
        .execute(&mut **tx)
        .await?;
    Ok(())
}

#[cfg(test)]
pub(crate) const STATEMENTS: &[&str] = &[CUT_FROM_ISSUES, CUT_FROM_ALERTS, ANONYMIZE_OTHER_MAIL];
