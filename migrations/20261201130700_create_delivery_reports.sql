-- Bounce and complaint reports that proved their delivery; a repeated report finds its row.
CREATE TABLE delivery_reports (
    delivery_id TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('dead', 'full', 'soft', 'complaint', 'opt_out')),
    subscriber_id TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (delivery_id, kind)
);
CREATE INDEX delivery_reports_by_subscriber ON delivery_reports (subscriber_id);

-- Why a subscriber is suppressed; NULL for suppressions of earlier versions and other states.
ALTER TABLE subscribers ADD COLUMN suppression_cause TEXT;
