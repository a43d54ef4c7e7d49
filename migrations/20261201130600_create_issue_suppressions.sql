-- Subscribers that were suppressed because of replies to an issue. Their number is limited per issue,
-- because a server that rejects many addresses may be at fault itself.
CREATE TABLE issue_suppressions (
    issue_id TEXT NOT NULL,
    subscriber_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (issue_id, subscriber_id)
);
