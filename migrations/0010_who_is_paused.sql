-- Those whom an issue leaves out are counted in the index alone, without their rows.
DROP INDEX subscribers_paused;
CREATE INDEX subscribers_paused ON subscribers (paused_until)
    WHERE paused_until IS NOT NULL AND state = 'confirmed';
