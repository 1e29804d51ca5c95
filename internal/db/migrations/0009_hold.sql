-- oldest: 2
-- Work that an operator holds back: since when (0: it is not held), when it would have been due, by whom and why. Its due
-- time is out of reach meanwhile, so that an older program leaves it alone as well. The message has the time, too, for
-- those who look it up (API-120).
ALTER TABLE outbox ADD COLUMN held BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN held_due BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN held_by TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN held_why TEXT NOT NULL DEFAULT '';
CREATE INDEX outbox_held ON outbox (tenant, held) WHERE held <> 0;
ALTER TABLE message ADD COLUMN held BIGINT NOT NULL DEFAULT 0;
