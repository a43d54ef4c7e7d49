-- What the desk asks of an issue must not cost more with every reader.

-- When the mail server last answered about a copy, or sending was taken up again; and
-- what was last heard. At most about a second old.
ALTER TABLE issues ADD COLUMN answered_at BIGINT;
ALTER TABLE issues ADD COLUMN last_words TEXT;
-- The address of who paused it; empty when the mail server was the reason.
ALTER TABLE issues ADD COLUMN paused_by TEXT;

-- How the recipients came out: written down once nothing is to go, and emptied by whatever
-- changes it afterwards, which also counts `changes` up.
ALTER TABLE issues ADD COLUMN delivered BIGINT;
ALTER TABLE issues ADD COLUMN bounced BIGINT;
ALTER TABLE issues ADD COLUMN skipped BIGINT;
ALTER TABLE issues ADD COLUMN in_doubt BIGINT;
ALTER TABLE issues ADD COLUMN changes BIGINT NOT NULL DEFAULT 0;

-- When the reader unsubscribed, while this was the last issue they had.
ALTER TABLE deliveries ADD COLUMN left_at BIGINT;
CREATE INDEX deliveries_left ON deliveries (issue_id) WHERE left_at IS NOT NULL;

-- A page of the copies in one state begins where the one before it ended.
DROP INDEX deliveries_by_issue;
CREATE INDEX deliveries_by_issue ON deliveries (issue_id, state, id);
