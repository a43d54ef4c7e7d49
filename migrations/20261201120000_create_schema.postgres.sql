-- Addresses compare byte by byte, as on SQLite: a prefix of an address is then a range of the
-- index in every locale.
ALTER TABLE subscribers ALTER COLUMN address_key TYPE TEXT COLLATE "C";

-- Leaves room on each page for one more version of its rows (HOT updates).
ALTER TABLE deliveries SET (fillfactor = 60);

-- Many workers commit concurrently and must not wait for each other's counts: each statement
-- appends the difference that it makes.
CREATE FUNCTION count_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO issue_counts (issue_id, delivered, bounced, skipped, in_doubt, deferred)
    SELECT issue_id,
        SUM(CASE WHEN state = 'delivered' THEN n ELSE 0 END),
        SUM(CASE WHEN state = 'bounced' THEN n ELSE 0 END),
        SUM(CASE WHEN state = 'skipped' THEN n ELSE 0 END),
        SUM(CASE WHEN state = 'in_doubt' THEN n ELSE 0 END),
        SUM(CASE WHEN state = 'deferred' THEN n ELSE 0 END)
    FROM (
        SELECT issue_id, state, SUM(n) AS n FROM (
            SELECT issue_id, state, 1 AS n FROM rows_after
            UNION ALL SELECT issue_id, state, -1 FROM rows_before
        ) AS both_versions
        WHERE issue_id IS NOT NULL AND state IN ('delivered', 'bounced', 'skipped', 'in_doubt', 'deferred')
        GROUP BY issue_id, state HAVING SUM(n) <> 0
    ) AS changed
    GROUP BY issue_id;
    RETURN NULL;
END
$$;
CREATE TRIGGER deliveries_counted AFTER UPDATE ON deliveries
    REFERENCING OLD TABLE AS rows_before NEW TABLE AS rows_after
    FOR EACH STATEMENT EXECUTE FUNCTION count_deliveries();
