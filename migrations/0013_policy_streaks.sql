-- The copies of an issue that were refused by policy since one was last accepted, by
-- whichever process.
CREATE TABLE policy_refusals (
    issue_id TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    PRIMARY KEY (issue_id, delivery_id)
);
