-- oldest: 2
-- Leases: one that a host granted by its own clock counts in the time since the host was started, which no correction of the
-- clock touches; it ends with a restart of the host. lease_boot names that start, '' where the database has a clock.

ALTER TABLE outbox ADD COLUMN lease_boot TEXT NOT NULL DEFAULT '';
ALTER TABLE outbox ADD COLUMN lease_ticks BIGINT NOT NULL DEFAULT 0; -- end, in microseconds since that start

-- Who this database is. Its data folders carry the same id, and refuse another.
CREATE TABLE installation (
    one BIGINT NOT NULL PRIMARY KEY, -- always 1: there is one row
    id  TEXT   NOT NULL
);

-- The data folders that belong to it: one, or one for each node that keeps payloads of its own.
CREATE TABLE data_folder (
    id     TEXT   NOT NULL PRIMARY KEY,
    joined BIGINT NOT NULL,
    place  TEXT   NOT NULL, -- host and path, for people
    mark   BIGINT NOT NULL  -- grows, and the folder has it too: a database with a lower one is older than what the folder has seen
)
