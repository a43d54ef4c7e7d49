-- Columns are TEXT or BIGINT, times are Unix milliseconds, ids are UUIDv7 as text.
-- One text for SQLite and PostgreSQL; once released, a migration is never edited.

CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE subscribers (
    id TEXT PRIMARY KEY,
    address TEXT NOT NULL,
    address_key TEXT NOT NULL UNIQUE,
    name TEXT,
    state TEXT NOT NULL CHECK (state IN ('pending', 'confirmed', 'unsubscribed', 'suppressed')),
    state_at BIGINT NOT NULL,
    -- where they came from: the form, or what the import said
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- a confirmation link holds only while this stays as it is
    nonce TEXT NOT NULL,
    paused_until BIGINT,
    suppressed_why TEXT,
    -- the consent record
    asked_at BIGINT,
    asked_ip TEXT,
    form_version TEXT,
    confirmed_at BIGINT,
    confirmed_ip TEXT
);
CREATE INDEX subscribers_by_state ON subscribers (state, id);

-- What an erased reader leaves: a keyed HMAC of the address, to keep them out of imports.
CREATE TABLE erased (
    address_mac TEXT PRIMARY KEY,
    erased_at BIGINT NOT NULL
);

-- When which mailbox (as an HMAC) was last sent a sign-up mail; emptied after a day.
CREATE TABLE sign_up_mails (
    id TEXT PRIMARY KEY,
    mailbox_mac TEXT NOT NULL,
    sent_at BIGINT NOT NULL
);
CREATE INDEX sign_up_mails_by_mailbox ON sign_up_mails (mailbox_mac, sent_at);

CREATE TABLE feeds (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL UNIQUE,
    -- 'added' by a person, or named in the 'settings'
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
    paused_why TEXT,
    subject TEXT NOT NULL,
    preheader TEXT NOT NULL,
    -- the frozen mail as JSON, and the SHA-256 of it
    mail TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    recipients BIGINT NOT NULL,
    frozen_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX issues_by_state ON issues (state, number);

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
    -- how many issues it was offered for without fitting in
    offered BIGINT NOT NULL,
    -- set for what a feed's first reading found that was too old to be news
    history_at BIGINT,
    issue_id TEXT REFERENCES issues (id),
    position BIGINT
);
CREATE INDEX posts_by_issue ON posts (issue_id, position);
CREATE INDEX posts_by_date ON posts (published_at);

-- By what a post is known again: its guid, its link, or a hash of title and date.
CREATE TABLE post_keys (
    post_key TEXT PRIMARY KEY,
    post_id TEXT NOT NULL REFERENCES posts (id) ON DELETE CASCADE
);

CREATE TABLE workers (
    id TEXT PRIMARY KEY,
    beat BIGINT NOT NULL,
    started_at BIGINT NOT NULL
);

CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('issue', 'confirmation', 'already_subscribed', 'test')),
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
CREATE INDEX deliveries_open ON deliveries (issue_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_leased ON deliveries (lease) WHERE lease IS NOT NULL;
CREATE INDEX deliveries_by_issue ON deliveries (issue_id, state);
CREATE INDEX deliveries_by_subscriber ON deliveries (subscriber_id);

CREATE TABLE admins (
    id TEXT PRIMARY KEY,
    address TEXT NOT NULL,
    address_key TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('admin', 'editor')),
    password_hash TEXT,
    created_at BIGINT NOT NULL
);

-- One-time links to the desk, stored as hashes. Without an admin: the first run's.
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
