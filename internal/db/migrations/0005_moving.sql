-- oldest: 2
-- A message may wait because the register names an SMP that does not know its receiver, as while the receiver changes its
-- provider: since when, in microseconds, 0 when that is not what it waits for.

ALTER TABLE outbox ADD COLUMN moving_since BIGINT NOT NULL DEFAULT 0;
CREATE INDEX outbox_moving ON outbox (due) WHERE done = 0 AND moving_since <> 0;
