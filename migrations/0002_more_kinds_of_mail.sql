-- Alerts to the owner and links that readers ask for are mails as well. A CHECK can be
-- changed on both databases only by making the table anew.

CREATE TABLE deliveries_anew (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN
        ('issue', 'confirmation', 'already_subscribed', 'test', 'alert', 'reader_link')),
    issue_id TEXT REFERENCES issues (id),
    -- both emptied when the reader is erased
    subscriber_id TEXT,
    address TEXT,
    state TEXT NOT NULL CHECK (state IN
        ('queued', 'leased', 'sending', 'deferred', 'delivered', 'bounced', 'skipped', 'in_doubt')),
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
    CHECK ((due_at IS NULL) = (state IN ('delivered', 'bounced', 'skipped', 'in_doubt')))
);
INSERT INTO deliveries_anew
    (id, kind, issue_id, subscriber_id, address, state, due_at, lease, attempts, lost_replies, reply, payload, queued_at, at)
    SELECT id, kind, issue_id, subscriber_id, address, state, due_at, lease, attempts, lost_replies, reply, payload, queued_at, at
    FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE deliveries_anew RENAME TO deliveries;
CREATE INDEX deliveries_open ON deliveries (issue_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_leased ON deliveries (lease) WHERE lease IS NOT NULL;
CREATE INDEX deliveries_by_issue ON deliveries (issue_id, state);
CREATE INDEX deliveries_by_subscriber ON deliveries (subscriber_id);
