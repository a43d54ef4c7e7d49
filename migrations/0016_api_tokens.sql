-- Keys for programs, each with what it is good for. Of its secret only the hash is kept.
CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    -- words apart by spaces
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- the account that made it, by its address then; empty: a command
    created_by TEXT,
    expires_at BIGINT,
    last_used_at BIGINT,
    revoked_at BIGINT
);
-- A name is free again once its token is revoked.
CREATE UNIQUE INDEX api_tokens_by_name ON api_tokens (name) WHERE revoked_at IS NULL;

-- Programs do things, too.
CREATE TABLE audit_with_tokens (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('admin', 'token', 'cli')),
    -- an account's address or a token's name at that time: they go, what they did stays
    actor TEXT,
    action TEXT NOT NULL,
    object TEXT,
    CHECK ((actor IS NULL) = (actor_kind = 'cli'))
);
INSERT INTO audit_with_tokens (id, at, actor_kind, actor, action, object)
    SELECT id, at, actor_kind, actor, action, object FROM audit;
DROP TABLE audit;
ALTER TABLE audit_with_tokens RENAME TO audit;
