-- oldest: 2
-- The plan of attempts of a message to be sent: when it began, in microseconds, 0 for when the row was entered, and how
-- many attempts of it were made.

ALTER TABLE outbox ADD COLUMN begun BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN spent BIGINT NOT NULL DEFAULT 0;

-- The lane of a message to be sent is the address that it goes to, as far as it is known: work is claimed lane by lane, so
-- that an access point with a hundred thousand waiting messages costs the others nothing.
ALTER TABLE outbox ADD COLUMN lane TEXT NOT NULL DEFAULT '';
CREATE INDEX outbox_lane ON outbox (lane, due, id) WHERE done = 0 AND kind = 'send';
