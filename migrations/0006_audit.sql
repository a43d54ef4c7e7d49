-- Who did what at the desk and on the command line. Rows are added and, after a year,
-- forgotten; none is ever changed. No reader's address is in it, only subscriber ids.
CREATE TABLE audit (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('admin', 'cli')),
    -- which account, by its address at that time: accounts go, what they did stays
    actor TEXT,
    action TEXT NOT NULL,
    object TEXT,
    CHECK ((actor IS NULL) = (actor_kind = 'cli'))
);
