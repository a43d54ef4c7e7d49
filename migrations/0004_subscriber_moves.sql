-- Who came and who went: the desk's counts and its chart, without counting the readers.
-- A change of state appends a row in its own transaction, so that no two requests ever
-- wait for one row; housekeeping folds the rows into days.

-- What a reader was before their present state; empty when that is not known.
ALTER TABLE subscribers ADD COLUMN former_state TEXT;

-- 'absent' is who is not on the list. Rows are summed and never looked up.
CREATE TABLE subscriber_moves (
    at BIGINT NOT NULL,
    was TEXT NOT NULL,
    became TEXT NOT NULL,
    people BIGINT NOT NULL,
    -- set only within the transaction that folds the row
    folding BIGINT
);

-- Days since 1970-01-01, UTC.
CREATE TABLE subscriber_days (
    day BIGINT NOT NULL,
    was TEXT NOT NULL,
    became TEXT NOT NULL,
    people BIGINT NOT NULL,
    PRIMARY KEY (day, was, became)
);

INSERT INTO subscriber_days (day, was, became, people)
    SELECT day, was, became, CAST(COUNT(*) AS BIGINT) FROM (
        SELECT state_at / 86400000 AS day, 'absent' AS was, state AS became FROM subscribers
            WHERE state IN ('pending', 'confirmed') OR confirmed_at IS NULL
        UNION ALL
        SELECT confirmed_at / 86400000, 'absent', 'confirmed' FROM subscribers
            WHERE state IN ('unsubscribed', 'suppressed') AND confirmed_at IS NOT NULL
        UNION ALL
        SELECT state_at / 86400000, 'confirmed', state FROM subscribers
            WHERE state IN ('unsubscribed', 'suppressed') AND confirmed_at IS NOT NULL
    ) AS moved
    GROUP BY day, was, became;

CREATE INDEX subscribers_by_address ON subscribers (state, address_key);
-- The domain first: taking every character of a local part off the front leaves '@domain'.
CREATE INDEX subscribers_by_domain ON subscribers
    (state, (LTRIM(address_key, 'abcdefghijklmnopqrstuvwxyz0123456789.!#$%&''*+/=?^_`{|}~-') || ' ' || address_key));
CREATE INDEX subscribers_paused ON subscribers (paused_until) WHERE paused_until IS NOT NULL;
