CREATE TRIGGER deliveries_counted AFTER UPDATE OF state ON deliveries
    WHEN NEW.issue_id IS NOT NULL AND NEW.state <> OLD.state AND (NEW.due_at IS NULL OR OLD.due_at IS NULL
        OR NEW.state = 'deferred' OR OLD.state = 'deferred')
BEGIN
    UPDATE issue_tallies SET
        delivered = delivered + (NEW.state = 'delivered') - (OLD.state = 'delivered'),
        bounced = bounced + (NEW.state = 'bounced') - (OLD.state = 'bounced'),
        skipped = skipped + (NEW.state = 'skipped') - (OLD.state = 'skipped'),
        in_doubt = in_doubt + (NEW.state = 'in_doubt') - (OLD.state = 'in_doubt'),
        deferred = deferred + (NEW.state = 'deferred') - (OLD.state = 'deferred')
    WHERE issue_id = NEW.issue_id;
END;
