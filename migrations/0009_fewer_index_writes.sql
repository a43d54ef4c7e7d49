-- A copy changes its state four times on its way, and its issue's index by state followed
-- each time. Only where it comes to its end, or has to wait, is worth an entry: what is
-- to go is counted by deliveries_open. Each index has all the columns that are asked for,
-- so that nothing but the index is read.
DROP INDEX IF EXISTS deliveries_by_issue;
CREATE INDEX deliveries_ended ON deliveries (issue_id, due_at, state) WHERE due_at IS NULL;
CREATE INDEX deliveries_deferred ON deliveries (issue_id, state) WHERE state = 'deferred';
