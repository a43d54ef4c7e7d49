-- What the editor changed about the next issue, as JSON; one row, whose version grows
-- with every change, so that a later save of an older form is noticed.
CREATE TABLE draft_edits (
    id TEXT PRIMARY KEY CHECK (id = 'next'),
    version BIGINT NOT NULL,
    edits TEXT NOT NULL
);
INSERT INTO draft_edits (id, version, edits) VALUES ('next', 0, '{}');

-- The editor's note as it was sent, in Markdown.
ALTER TABLE issues ADD COLUMN note TEXT;

-- Weeks that the editor wants no issue in.
CREATE TABLE skipped_slots (
    slot TEXT PRIMARY KEY,
    skipped_at BIGINT NOT NULL
);

-- How often the post was opened from its issue, by whomever.
ALTER TABLE posts ADD COLUMN clicks BIGINT NOT NULL DEFAULT 0;
