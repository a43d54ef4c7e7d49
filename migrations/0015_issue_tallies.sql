-- How the recipients of each issue came out, so that nobody counts a million copies to show
-- a page: the sum of an issue's rows, kept by a trigger on deliveries. Who is in none of the
-- sums is queued or on its way. A later migration that makes deliveries anew makes the
-- trigger anew.
CREATE TABLE issue_tallies (
    -- no reference: to check it would lock the issue at every commit
    issue_id TEXT NOT NULL,
    delivered BIGINT NOT NULL,
    bounced BIGINT NOT NULL,
    skipped BIGINT NOT NULL,
    in_doubt BIGINT NOT NULL,
    deferred BIGINT NOT NULL
);
CREATE INDEX issue_tallies_by_issue ON issue_tallies (issue_id);
INSERT INTO issue_tallies (issue_id, delivered, bounced, skipped, in_doubt, deferred)
    SELECT issues.id,
        COALESCE(SUM(CASE WHEN rests = 'delivered' THEN 1 ELSE 0 END), 0),
        COALESCE(SUM(CASE WHEN rests = 'bounced' THEN 1 ELSE 0 END), 0),
        COALESCE(SUM(CASE WHEN rests = 'skipped' THEN 1 ELSE 0 END), 0),
        COALESCE(SUM(CASE WHEN rests = 'in_doubt' THEN 1 ELSE 0 END), 0),
        COALESCE(SUM(CASE WHEN rests = 'deferred' THEN 1 ELSE 0 END), 0)
    FROM issues LEFT JOIN deliveries ON deliveries.issue_id = issues.id AND rests IS NOT NULL
    GROUP BY issues.id;
ALTER TABLE issues DROP COLUMN delivered;
ALTER TABLE issues DROP COLUMN bounced;
ALTER TABLE issues DROP COLUMN skipped;
ALTER TABLE issues DROP COLUMN in_doubt;
ALTER TABLE issues DROP COLUMN changes;
