-- An issue whose queue is still being made: the readers up to `reached` have their copies,
-- those behind it up to `last` (who was the last when the issue was frozen) have not. It is
-- made some at a time, since whoever signs up or leaves would wait for a million.
CREATE TABLE queues_in_the_making (
    issue_id TEXT PRIMARY KEY REFERENCES issues (id),
    reached TEXT NOT NULL,
    last TEXT NOT NULL,
    copies BIGINT NOT NULL
);
