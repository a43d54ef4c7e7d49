-- Renames the tables and columns of the last schema before the first release (version 17 of its
-- numbered migrations) to those of `20261201120000_create_schema.sql`.
ALTER TABLE facts RENAME TO metadata;
ALTER TABLE erased RENAME TO erased_addresses;
ALTER TABLE refusals RENAME TO soft_bounces;
ALTER TABLE policy_refusals RENAME TO policy_rejections;
ALTER TABLE subscribers RENAME COLUMN suppressed_why TO suppression_reason;
ALTER TABLE posts RENAME COLUMN offered TO times_offered;
ALTER TABLE workers RENAME COLUMN beat TO heartbeat;
ALTER TABLE alerts RENAME COLUMN told_at TO raised_at;
ALTER TABLE audit RENAME COLUMN object TO target;

ALTER TABLE sign_up_mails RENAME TO signup_mails;
DROP INDEX sign_up_mails_by_mailbox;
CREATE INDEX signup_mails_by_mailbox ON signup_mails (mailbox_mac, sent_at);

ALTER TABLE subscriber_moves RENAME TO subscriber_state_log;
ALTER TABLE subscriber_state_log RENAME COLUMN was TO from_state;
ALTER TABLE subscriber_state_log RENAME COLUMN became TO to_state;
ALTER TABLE subscriber_state_log RENAME COLUMN people TO count;
ALTER TABLE subscriber_state_log RENAME COLUMN folding TO compacting;
ALTER TABLE subscriber_days RENAME TO subscriber_daily_changes;
ALTER TABLE subscriber_daily_changes RENAME COLUMN was TO from_state;
ALTER TABLE subscriber_daily_changes RENAME COLUMN became TO to_state;
ALTER TABLE subscriber_daily_changes RENAME COLUMN people TO count;

ALTER TABLE issues RENAME COLUMN paused_why TO pause_reason;
ALTER TABLE issues RENAME COLUMN pauses TO pause_count;
ALTER TABLE issues RENAME COLUMN mail TO message;
ALTER TABLE issues RENAME COLUMN answered_at TO last_reply_at;
ALTER TABLE issues RENAME COLUMN last_words TO last_reply;

ALTER TABLE queues_in_the_making RENAME TO issue_fan_outs;
ALTER TABLE issue_fan_outs RENAME COLUMN reached TO cursor_id;
ALTER TABLE issue_fan_outs RENAME COLUMN last TO last_id;
ALTER TABLE issue_fan_outs RENAME COLUMN copies TO enqueued;

ALTER TABLE issue_tallies RENAME TO issue_counts;
DROP INDEX issue_tallies_by_issue;
CREATE INDEX issue_counts_by_issue ON issue_counts (issue_id);

ALTER TABLE deliveries RENAME COLUMN rests TO settled_state;
ALTER TABLE deliveries RENAME COLUMN left_at TO unsubscribed_at;
DROP INDEX deliveries_open;
DROP INDEX deliveries_leased;
DROP INDEX deliveries_left;
DROP INDEX deliveries_of_single_mails;
CREATE INDEX deliveries_due ON deliveries (issue_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_by_lease ON deliveries (lease) WHERE lease IS NOT NULL;
CREATE INDEX deliveries_unsubscribed ON deliveries (issue_id) WHERE unsubscribed_at IS NOT NULL;
CREATE INDEX deliveries_without_issue ON deliveries (kind, settled_state) WHERE issue_id IS NULL;
