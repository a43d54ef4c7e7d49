-- Replies that were lost after the final dot since the last accepted delivery of the issue, across
-- all workers; `number` counts those of one delivery.
CREATE TABLE lost_replies (
    issue_id TEXT NOT NULL,
    delivery_id TEXT NOT NULL,
    number BIGINT NOT NULL,
    PRIMARY KEY (issue_id, delivery_id, number)
);
