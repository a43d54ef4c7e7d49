-- Refusals that say something of a mailbox only when they come again: one row for each
-- copy of an issue that was refused so, with the time of the first try that was.
CREATE TABLE refusals (
    subscriber_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('mailbox_full', 'unclear')),
    delivery_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (subscriber_id, kind, delivery_id)
);
