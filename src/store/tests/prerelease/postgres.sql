ALTER TABLE subscribers ALTER COLUMN address_key TYPE TEXT COLLATE "C";
ALTER TABLE deliveries SET (fillfactor = 60);
CREATE FUNCTION count_copies() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO issue_tallies (issue_id, delivered, bounced, skipped, in_doubt, deferred)
    SELECT issue_id,
        SUM(CASE WHEN state = 'delivered' THEN copies ELSE 0 END),
        SUM(CASE WHEN state = 'bounced' THEN copies ELSE 0 END),
        SUM(CASE WHEN state = 'skipped' THEN copies ELSE 0 END),
        SUM(CASE WHEN state = 'in_doubt' THEN copies ELSE 0 END),
        SUM(CASE WHEN state = 'deferred' THEN copies ELSE 0 END)
    FROM (
        SELECT issue_id, state, SUM(copies) AS copies FROM (
            SELECT issue_id, state, 1 AS copies FROM copies_after
            UNION ALL SELECT issue_id, state, -1 FROM copies_before
        ) AS seen
        WHERE issue_id IS NOT NULL AND state IN ('delivered', 'bounced', 'skipped', 'in_doubt', 'deferred')
        GROUP BY issue_id, state HAVING SUM(copies) <> 0
    ) AS changed
    GROUP BY issue_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER deliveries_counted AFTER UPDATE ON deliveries
    REFERENCING OLD TABLE AS copies_before NEW TABLE AS copies_after
    FOR EACH STATEMENT EXECUTE FUNCTION count_copies();
