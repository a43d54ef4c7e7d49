-- The indices of the table that was made anew.
CREATE INDEX deliveries_open ON deliveries (issue_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_leased ON deliveries (lease) WHERE lease IS NOT NULL;
CREATE INDEX deliveries_by_issue ON deliveries (issue_id, rests, id) WHERE rests IS NOT NULL;
CREATE INDEX deliveries_by_subscriber ON deliveries (subscriber_id);
CREATE INDEX deliveries_left ON deliveries (issue_id) WHERE left_at IS NOT NULL;
CREATE INDEX deliveries_of_single_mails ON deliveries (kind, rests) WHERE issue_id IS NULL;
