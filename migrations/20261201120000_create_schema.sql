-- One text for SQLite and PostgreSQL. Columns are TEXT or BIGINT, times are Unix milliseconds
-- (`*_at`), ids are UUIDv7 as text, JSON is opaque text. A file `NAME.sqlite.sql` or
-- `NAME.postgres.sql` holds what only that database understands; it runs right after
-- `NAME.sql`. A released migration is never edited.

-- Single values: the last slot, when the schedule was set, the fingerprint of the secret key.
CREATE TABLE metadata (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Settings saved in the admin UI, as text as in the environment. Never a secret.
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    saved_at BIGINT NOT NULL,
    saved_by TEXT NOT NULL
);

CREATE TABLE subscribers (
    id TEXT PRIMARY KEY,
    address TEXT NOT NULL,
    -- the address in lower case, NFC, with an A-label domain
    address_key TEXT NOT NULL UNIQUE,
    name TEXT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'confirmed', 'unsubscribed', 'suppressed')),
    state_at BIGINT NOT NULL,
    -- the state before the present one; NULL if unknown
    former_state TEXT,
    -- where the subscriber came from: the form, or the text given to an import
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- a confirmation link is valid only while this value is unchanged
    nonce TEXT NOT NULL,
    paused_until BIGINT,
    suppression_reason TEXT,
    -- the consent record
    asked_at BIGINT,
    asked_ip TEXT,
    form_version TEXT,
    confirmed_at BIGINT,
    confirmed_ip TEXT
);
CREATE INDEX subscribers_by_state ON subscribers (state, id);
CREATE INDEX subscribers_by_address ON subscribers (state, address_key);
-- Search by domain: removing every character of a local part from the front leaves '@domain'.
CREATE INDEX subscribers_by_domain ON subscribers
    (state, (LTRIM(address_key, 'abcdefghijklmnopqrstuvwxyz0123456789.!#$%&''*+/=?^_`{|}~-') || ' ' || address_key));
-- Counts the paused subscribers of an issue without reading their rows.
CREATE INDEX subscribers_paused ON subscribers (paused_until)
    WHERE paused_until IS NOT NULL AND state = 'confirmed';
CREATE INDEX subscribers_by_form ON subscribers (form_version) WHERE form_version IS NOT NULL;

-- Log of state changes, for the counts and the growth chart. A change of state appends a row in
-- its own transaction, so that concurrent requests never wait for a shared counter row.
-- Housekeeping compacts the log into days. 'absent' is the state of an address that is not listed.
CREATE TABLE subscriber_state_log (
    at BIGINT NOT NULL,
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    count BIGINT NOT NULL,
    -- set only within the transaction that compacts the row
    compacting BIGINT
);

-- Compacted state changes; `day` counts days since 1970-01-01 UTC.
CREATE TABLE subscriber_daily_changes (
    day BIGINT NOT NULL,
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (day, from_state, to_state)
);

-- A keyed HMAC of each erased address, which keeps it out of later imports.
CREATE TABLE erased_addresses (
    address_mac TEXT PRIMARY KEY,
    erased_at BIGINT NOT NULL
);

-- Sign-up mails of the last day by mailbox (an HMAC), for the rate limits.
CREATE TABLE signup_mails (
    id TEXT PRIMARY KEY,
    mailbox_mac TEXT NOT NULL,
    sent_at BIGINT NOT NULL
);
CREATE INDEX signup_mails_by_mailbox ON signup_mails (mailbox_mac, sent_at);

-- Rejections that suppress a mailbox only when they are repeated: one row for each delivery
-- of an issue, with the time of its first rejected attempt.
CREATE TABLE soft_bounces (
    subscriber_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('mailbox_full', 'unclear')),
    delivery_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (subscriber_id, kind, delivery_id)
);

CREATE TABLE feeds (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL UNIQUE,
    -- 'added' by a user, or named in the 'settings'
    origin TEXT NOT NULL CHECK (origin IN ('added', 'settings')),
    title TEXT,
    home TEXT,
    etag TEXT,
    last_modified TEXT,
    created_at BIGINT NOT NULL,
    first_read_at BIGINT,
    last_read_at BIGINT,
    last_good_at BIGINT,
    last_error TEXT
);

CREATE TABLE issues (
    id TEXT PRIMARY KEY,
    number BIGINT NOT NULL UNIQUE,
    slot TEXT UNIQUE,
    state TEXT NOT NULL CHECK (state IN ('sending', 'paused', 'sent', 'cancelled')),
    pause_reason TEXT,
    -- the account that paused the issue; NULL if the mail server was the reason
    paused_by TEXT,
    -- how often the mail server paused the issue; each pause raises one alert
    pause_count BIGINT NOT NULL DEFAULT 0,
    subject TEXT NOT NULL,
    preheader TEXT NOT NULL,
    -- the editor's note as sent, in Markdown
    note TEXT,
    -- the frozen message as JSON, and its SHA-256
    message TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    recipients BIGINT NOT NULL,
    frozen_at BIGINT NOT NULL,
    finished_at BIGINT,
    -- when the mail server last replied to a delivery or sending was resumed, and that reply;
    -- at most about a second old
    last_reply_at BIGINT,
    last_reply TEXT
);
CREATE INDEX issues_by_state ON issues (state, number);
CREATE INDEX issues_by_end ON issues (finished_at) WHERE finished_at IS NOT NULL;

-- Delivery counts of each issue, maintained by triggers on `deliveries` in the transaction that
-- changes a delivery. The counts of an issue are the sums of its rows. A delivery that is in none
-- of them is queued, leased or sending. A migration that recreates `deliveries` must recreate the
-- triggers.
CREATE TABLE issue_counts (
    -- no foreign key: checking it would lock the issue row at every commit
    issue_id TEXT NOT NULL,
    delivered BIGINT NOT NULL,
    bounced BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    in_doubt BIGINT NOT NULL,
    deferred BIGINT NOT NULL
);
CREATE INDEX issue_counts_by_issue ON issue_counts (issue_id);

-- An issue whose deliveries are still being inserted, a batch at a time: subscribers up to
-- `cursor_id` have their delivery, those after it up to `last_id` (the last subscriber when the
-- issue was frozen) do not.
CREATE TABLE issue_fan_outs (
    issue_id TEXT PRIMARY KEY REFERENCES issues (id),
    cursor_id TEXT NOT NULL,
    last_id TEXT NOT NULL,
    enqueued BIGINT NOT NULL
);

-- Deliveries of an issue that were rejected by policy since the last accepted one, across all
-- workers.
CREATE TABLE policy_rejections (
    issue_id TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    PRIMARY KEY (issue_id, delivery_id)
);

-- The editor's changes to the next issue, as JSON. One row; its version increases with every
-- change, so that saving an outdated form is detected.
CREATE TABLE draft_edits (
    id TEXT PRIMARY KEY CHECK (id = 'next'),
    version BIGINT NOT NULL,
    edits TEXT NOT NULL
);
INSERT INTO draft_edits (id, version, edits) VALUES ('next', 0, '{}');

-- Weeks in which the editor wants no issue.
CREATE TABLE skipped_slots (
    slot TEXT PRIMARY KEY,
    skipped_at BIGINT NOT NULL
);

CREATE TABLE posts (
    id TEXT PRIMARY KEY,
    feed_id TEXT REFERENCES feeds (id) ON DELETE SET NULL,
    title TEXT NOT NULL,
    url TEXT NOT NULL,
    excerpt TEXT NOT NULL,
    image TEXT,
    author TEXT,
    minutes BIGINT,
    comments BIGINT,
    published_at BIGINT NOT NULL,
    first_seen_at BIGINT NOT NULL,
    -- number of issues that the post was a candidate for without being included
    times_offered BIGINT NOT NULL,
    -- set for posts of a feed's first reading that were too old to be news
    history_at BIGINT,
    issue_id TEXT REFERENCES issues (id),
    position BIGINT,
    -- how often the post was opened from its issue
    clicks BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX posts_by_issue ON posts (issue_id, position);
CREATE INDEX posts_by_date ON posts (published_at);

-- Identity of a post: its guid, its link, or a hash of title and date.
CREATE TABLE post_keys (
    post_key TEXT PRIMARY KEY,
    post_id TEXT NOT NULL REFERENCES posts (id) ON DELETE CASCADE
);

-- Living workers; `heartbeat` is a counter.
CREATE TABLE workers (
    id TEXT PRIMARY KEY,
    heartbeat BIGINT NOT NULL,
    started_at BIGINT NOT NULL
);

CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN
        ('issue', 'confirmation', 'already_subscribed', 'test', 'alert', 'reader_link')),
    issue_id TEXT REFERENCES issues (id),
    -- both NULL once the subscriber is erased
    subscriber_id TEXT,
    address TEXT,
    state TEXT NOT NULL CHECK (state IN
        ('queued', 'leased', 'sending', 'deferred', 'delivered', 'bounced', 'skipped', 'in_doubt')),
    -- The state, or NULL while leased or sending. Only this column is indexed, so that claiming and
    -- sending a delivery changes no index entry, and PostgreSQL can update the row in place (HOT).
    settled_state TEXT GENERATED ALWAYS AS (CASE WHEN state NOT IN ('leased', 'sending') THEN state END) STORED,
    -- when the delivery may next be claimed; NULL in a final state
    due_at BIGINT,
    lease TEXT,
    attempts BIGINT NOT NULL,
    lost_replies BIGINT NOT NULL,
    reply TEXT,
    -- the parameters of a message that does not belong to an issue, as JSON
    payload TEXT,
    queued_at BIGINT NOT NULL,
    at BIGINT NOT NULL,
    -- when the subscriber unsubscribed, if this was the last issue delivered to them
    unsubscribed_at BIGINT,
    CHECK ((due_at IS NULL) = (state IN ('delivered', 'bounced', 'skipped', 'in_doubt')))
);
CREATE INDEX deliveries_due ON deliveries (issue_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_by_lease ON deliveries (lease) WHERE lease IS NOT NULL;
CREATE INDEX deliveries_by_issue ON deliveries (issue_id, settled_state, id) WHERE settled_state IS NOT NULL;
CREATE INDEX deliveries_by_subscriber ON deliveries (subscriber_id);
CREATE INDEX deliveries_unsubscribed ON deliveries (issue_id) WHERE unsubscribed_at IS NOT NULL;
CREATE INDEX deliveries_without_issue ON deliveries (kind, settled_state) WHERE issue_id IS NULL;

-- Raised alerts, so that each event raises one however many processes see it.
CREATE TABLE alerts (
    event TEXT PRIMARY KEY,
    raised_at BIGINT NOT NULL
);

CREATE TABLE admins (
    id TEXT PRIMARY KEY,
    address TEXT NOT NULL,
    address_key TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('admin', 'editor')),
    password_hash TEXT,
    created_at BIGINT NOT NULL
);

-- One-time links to the admin UI, stored as hashes. The link of the first run has no admin.
CREATE TABLE admin_links (
    token_hash TEXT PRIMARY KEY,
    admin_id TEXT REFERENCES admins (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    token_hash TEXT PRIMARY KEY,
    admin_id TEXT NOT NULL REFERENCES admins (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_admin ON sessions (admin_id);

-- API tokens; only a hash of the secret is stored.
CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    -- separated by spaces
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- the account that created it, by its address at that time; NULL: the command line
    created_by TEXT,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT
);
-- A name can be used again once its token is revoked.
CREATE UNIQUE INDEX api_tokens_by_name ON api_tokens (name) WHERE revoked_at IS NULL;

-- Audit log. Rows are added, and purged after a year; they are never changed. Subscribers
-- appear by id, never by address.
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('admin', 'token', 'cli')),
    -- an account's address or a token's name at that time; NULL for the command line
    actor TEXT,
    action TEXT NOT NULL,
    target TEXT,
    CHECK ((actor IS NULL) = (actor_kind = 'cli'))
);
