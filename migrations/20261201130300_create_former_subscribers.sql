-- Subscribers that no longer have a row, so that the unsubscribe links in mails they were sent keep
-- working: one that was merged names its successor; one that was erased only the keyed HMAC of its
-- address, until that address is confirmed again.
CREATE TABLE former_subscribers (
    id TEXT PRIMARY KEY,
    successor_id TEXT,
    address_mac TEXT,
    CHECK ((successor_id IS NULL) <> (address_mac IS NULL))
);
CREATE INDEX former_subscribers_by_successor ON former_subscribers (successor_id)
    WHERE successor_id IS NOT NULL;
CREATE INDEX former_subscribers_by_address ON former_subscribers (address_mac)
    WHERE address_mac IS NOT NULL;
