-- A copy is leased, sent and recorded within seconds, and each index that holds its state
-- followed it. Now they hold where it rests: nowhere, while it is on its way. Then nothing
-- that is indexed changes when a copy begins to be sent, and PostgreSQL writes it in place.
CREATE TABLE deliveries_at_rest (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN
        ('issue', 'confirmation', 'already_subscribed', 'test', 'alert', 'reader_link')),
    issue_id TEXT REFERENCES issues (id),
    -- both emptied when the reader is erased
    subscriber_id TEXT,
    address TEXT,
    state TEXT NOT NULL CHECK (state IN
        ('queued', 'leased', 'sending', 'deferred', 'delivered', 'bounced', 'skipped', 'in_doubt')),
    rests TEXT GENERATED ALWAYS AS (CASE WHEN state NOT IN ('leased', 'sending') THEN state END) STORED,
    -- when it may next be taken up; empty once it has come to its end
    due_at BIGINT,
    lease TEXT,
    attempts BIGINT NOT NULL,
    lost_replies BIGINT NOT NULL,
    reply TEXT,
    -- what a mail that is no issue is made from, as JSON
    payload TEXT,
    queued_at BIGINT NOT NULL,
    at BIGINT NOT NULL,
    -- when the reader unsubscribed, while this was the last issue they had
    left_at BIGINT,
    CHECK ((due_at IS NULL) = (state IN ('delivered', 'bounced', 'skipped', 'in_doubt')))
);
INSERT INTO deliveries_at_rest
    (id, kind, issue_id, subscriber_id, address, state, due_at, lease, attempts, lost_replies, reply, payload, queued_at, at, left_at)
    SELECT id, kind, issue_id, subscriber_id, address, state, due_at, lease, attempts, lost_replies, reply, payload, queued_at, at, left_at
    FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE deliveries_at_rest RENAME TO deliveries;
