-- The last schema before the first release, after its 17 numbered migrations.
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
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    nonce TEXT NOT NULL,
    paused_until BIGINT,
    suppressed_why TEXT,
    asked_at BIGINT,
    asked_ip TEXT,
    form_version TEXT,
    confirmed_at BIGINT,
    confirmed_ip TEXT,
    former_state TEXT
);
CREATE TABLE erased (
    address_mac TEXT PRIMARY KEY,
    erased_at BIGINT NOT NULL
);
CREATE TABLE sign_up_mails (
    id TEXT PRIMARY KEY,
    mailbox_mac TEXT NOT NULL,
    sent_at BIGINT NOT NULL
);
CREATE TABLE feeds (
    id TEXT PRIMARY KEY,
    source TEXT NOT NULL UNIQUE,
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
    mail TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    recipients BIGINT NOT NULL,
    frozen_at BIGINT NOT NULL,
    finished_at BIGINT,
    note TEXT,
    answered_at BIGINT,
    last_words TEXT,
    paused_by TEXT,
    pauses BIGINT NOT NULL DEFAULT 0
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
    offered BIGINT NOT NULL,
    history_at BIGINT,
    issue_id TEXT REFERENCES issues (id),
    position BIGINT,
    clicks BIGINT NOT NULL DEFAULT 0
);
CREATE TABLE post_keys (
    post_key TEXT PRIMARY KEY,
    post_id TEXT NOT NULL REFERENCES posts (id) ON DELETE CASCADE
);
CREATE TABLE workers (
    id TEXT PRIMARY KEY,
    beat BIGINT NOT NULL,
    started_at BIGINT NOT NULL
);
CREATE TABLE admins (
    id TEXT PRIMARY KEY,
    address TEXT NOT NULL,
    address_key TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL CHECK (role IN ('admin', 'editor')),
    password_hash TEXT,
    created_at BIGINT NOT NULL
);
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
CREATE TABLE draft_edits (
    id TEXT PRIMARY KEY CHECK (id = 'next'),
    version BIGINT NOT NULL,
    edits TEXT NOT NULL
);
CREATE TABLE skipped_slots (
    slot TEXT PRIMARY KEY,
    skipped_at BIGINT NOT NULL
);
CREATE TABLE subscriber_moves (
    at BIGINT NOT NULL,
    was TEXT NOT NULL,
    became TEXT NOT NULL,
    people BIGINT NOT NULL,
    folding BIGINT
);
CREATE TABLE subscriber_days (
    day BIGINT NOT NULL,
    was TEXT NOT NULL,
    became TEXT NOT NULL,
    people BIGINT NOT NULL,
    PRIMARY KEY (day, was, became)
);
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    saved_at BIGINT NOT NULL,
    saved_by TEXT NOT NULL
);
CREATE TABLE alerts (
    event TEXT PRIMARY KEY,
    told_at BIGINT NOT NULL
);
CREATE TABLE refusals (
    subscriber_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('mailbox_full', 'unclear')),
    delivery_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (subscriber_id, kind, delivery_id)
);
CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN
        ('issue', 'confirmation', 'already_subscribed', 'test', 'alert', 'reader_link')),
    issue_id TEXT REFERENCES issues (id),
    subscriber_id TEXT,
    address TEXT,
    state TEXT NOT NULL CHECK (state IN
        ('queued', 'leased', 'sending', 'deferred', 'delivered', 'bounced', 'skipped', 'in_doubt')),
    rests TEXT GENERATED ALWAYS AS (CASE WHEN state NOT IN ('leased', 'sending') THEN state END) STORED,
    due_at BIGINT,
    lease TEXT,
    attempts BIGINT NOT NULL,
    lost_replies BIGINT NOT NULL,
    reply TEXT,
    payload TEXT,
    queued_at BIGINT NOT NULL,
    at BIGINT NOT NULL,
    left_at BIGINT,
    CHECK ((due_at IS NULL) = (state IN ('delivered', 'bounced', 'skipped', 'in_doubt')))
);
CREATE TABLE policy_refusals (
    issue_id TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    PRIMARY KEY (issue_id, delivery_id)
);
CREATE TABLE issue_tallies (
    issue_id TEXT NOT NULL,
    delivered BIGINT NOT NULL,
    bounced BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    in_doubt BIGINT NOT NULL,
    deferred BIGINT NOT NULL
);
CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT
);
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('admin', 'token', 'cli')),
    actor TEXT,
    action TEXT NOT NULL,
    object TEXT,
    CHECK ((actor IS NULL) = (actor_kind = 'cli'))
);
CREATE TABLE queues_in_the_making (
    issue_id TEXT PRIMARY KEY REFERENCES issues (id),
    reached TEXT NOT NULL,
    last TEXT NOT NULL,
    copies BIGINT NOT NULL
);
CREATE INDEX subscribers_by_state ON subscribers (state, id);
CREATE INDEX sign_up_mails_by_mailbox ON sign_up_mails (mailbox_mac, sent_at);
CREATE INDEX issues_by_state ON issues (state, number);
CREATE INDEX posts_by_issue ON posts (issue_id, position);
CREATE INDEX posts_by_date ON posts (published_at);
CREATE INDEX sessions_by_admin ON sessions (admin_id);
CREATE INDEX subscribers_by_address ON subscribers (state, address_key);
CREATE INDEX subscribers_by_domain ON subscribers
    (state, (LTRIM(address_key, 'abcdefghijklmnopqrstuvwxyz0123456789.!#$%&''*+/=?^_`{|}~-') || ' ' || address_key));
CREATE INDEX issues_by_end ON issues (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX subscribers_by_form ON subscribers (form_version) WHERE form_version IS NOT NULL;
CREATE INDEX subscribers_paused ON subscribers (paused_until)
    WHERE paused_until IS NOT NULL AND state = 'confirmed';
CREATE INDEX deliveries_open ON deliveries (issue_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_leased ON deliveries (lease) WHERE lease IS NOT NULL;
CREATE INDEX deliveries_by_issue ON deliveries (issue_id, rests, id) WHERE rests IS NOT NULL;
CREATE INDEX deliveries_by_subscriber ON deliveries (subscriber_id);
CREATE INDEX deliveries_left ON deliveries (issue_id) WHERE left_at IS NOT NULL;
CREATE INDEX deliveries_of_single_mails ON deliveries (kind, rests) WHERE issue_id IS NULL;
CREATE INDEX issue_tallies_by_issue ON issue_tallies (issue_id);
CREATE UNIQUE INDEX api_tokens_by_name ON api_tokens (name) WHERE revoked_at IS NULL;
INSERT INTO draft_edits (id, version, edits) VALUES ('next', 0, '{}');
