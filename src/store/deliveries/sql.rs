//! SQL for deliveries that several files share, as macros because statements are constants.
//!
//! `$filter` selects the deliveries, `$now` is the parameter with the current time.

/// Skips deliveries that are not being sent.
///
/// Deliveries in state `sending` are updated without a change: on PostgreSQL the statement then
/// waits for the row lock of a transaction that is committing their result, and evaluates the
/// row again as that transaction left it.
macro_rules! skip_sql {
    ($now:literal, $filter:literal) => {
        concat!(
            "UPDATE deliveries SET state = CASE WHEN state = 'sending' THEN state ELSE 'skipped' END,
                due_at = CASE WHEN state = 'sending' THEN due_at END,
                lease = CASE WHEN state = 'sending' THEN lease END,
                at = CASE WHEN state = 'sending' THEN at ELSE ",
            $now,
            " END WHERE ",
            $filter,
            " AND state IN ('queued', 'leased', 'deferred', 'sending')"
        )
    };
}
pub(crate) use skip_sql;

/// Sets the final state of deliveries that are not retried: `in_doubt` if a reply was lost after
/// the message data, otherwise `$state`. The current time is `$2`.
macro_rules! give_up_sql {
    ($state:literal, $filter:literal, $condition:literal) => {
        concat!(
            "UPDATE deliveries SET state = CASE WHEN lost_replies > 0 THEN 'in_doubt' ELSE '",
            $state,
            "' END, due_at = NULL, lease = NULL, at = $2
            WHERE ",
            $filter,
            " AND state IN ('queued', 'deferred') AND ",
            $condition
        )
    };
}
pub(crate) use give_up_sql;

/// Skips deliveries that are no longer wanted: the subscriber was erased, is no longer active or
/// was merged into another one, who has a delivery of their own, or the issue was cancelled. The
/// current time is `$2`.
macro_rules! skip_unwanted_sql {
    ($filter:literal) => {
        $crate::store::deliveries::sql::give_up_sql!(
            "skipped",
            $filter,
            "(address IS NULL OR kind = 'issue' AND (
                id <> issue_id || ':' || COALESCE(subscriber_id, '')
                OR NOT EXISTS (SELECT 1 FROM subscribers s WHERE s.id = deliveries.subscriber_id
                    AND s.state = 'confirmed' AND (s.paused_until IS NULL OR s.paused_until <= $2))
                OR EXISTS (SELECT 1 FROM issues i WHERE i.id = deliveries.issue_id AND i.state = 'cancelled')))"
        )
    };
}
pub(crate) use skip_unwanted_sql;

/// Bounces deliveries of an issue that a later weekly issue supersedes. The current time is `$2`.
///
/// [`Store::freeze`](crate::store::Store::freeze) does the same for the deliveries that are
/// deferred at that moment.
macro_rules! expire_superseded_sql {
    ($filter:literal) => {
        $crate::store::deliveries::sql::give_up_sql!(
            "bounced",
            $filter,
            "EXISTS (SELECT 1 FROM issues own, issues newer
                WHERE own.id = deliveries.issue_id AND newer.number > own.number AND newer.slot IS NOT NULL)"
        )
    };
}
pub(crate) use expire_superseded_sql;

/// Redirects pending issue deliveries to the present address of their subscriber, which may have
/// changed while they were being sent.
macro_rules! update_address_sql {
    ($now:literal, $filter:literal) => {
        concat!(
            "UPDATE deliveries SET at = ",
            $now,
            ", address = (SELECT s.address FROM subscribers s WHERE s.id = deliveries.subscriber_id)
            WHERE ",
            $filter,
            " AND state IN ('queued', 'deferred') AND kind = 'issue' AND id = issue_id || ':' || subscriber_id
              AND EXISTS (SELECT 1 FROM subscribers s
                WHERE s.id = deliveries.subscriber_id AND s.address <> deliveries.address)"
        )
    };
}
pub(crate) use update_address_sql;
