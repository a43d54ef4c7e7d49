-- What was set at the desk, as text as in the environment. Secrets are never among it.
CREATE TABLE settings (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,
    saved_at BIGINT NOT NULL,
    saved_by TEXT NOT NULL
);

-- What the owner was told of, so that each event is told once however many processes see it.
CREATE TABLE alerts (
    event TEXT PRIMARY KEY,
    told_at BIGINT NOT NULL
);
CREATE INDEX issues_by_end ON issues (finished_at) WHERE finished_at IS NOT NULL;
-- What the first steps at the desk ask, however many there are.
CREATE INDEX deliveries_of_single_mails ON deliveries (kind, state) WHERE issue_id IS NULL;
CREATE INDEX subscribers_by_form ON subscribers (form_version) WHERE form_version IS NOT NULL;
