-- How often an issue was paused for what a mail server said: the owner is told each time,
-- and of each time once.
ALTER TABLE issues ADD COLUMN pauses BIGINT NOT NULL DEFAULT 0;
