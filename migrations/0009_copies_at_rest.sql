-- A copy is leased and sent within seconds, and the index by state followed it each time.
-- Now only where it rests has an entry; those on their way are few, and found by their lease.
DROP INDEX deliveries_by_issue;
CREATE INDEX deliveries_by_issue ON deliveries (issue_id, state, id) WHERE state NOT IN ('leased', 'sending');
