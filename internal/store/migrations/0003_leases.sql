-- oldest: 2
-- A lease that a host granted by its own clock counts in the time since the host was started, which no correction of the
-- clock touches; it ends with a restart of the host. lease_boot names that start, '' where the database has a clock.

ALTER TABLE outbox ADD COLUMN lease_boot TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN lease_ticks BIGINT NOT NULL DEFAULT 0; -- end, in microseconds since that start
