-- oldest: 2
-- The plan of attempts of a message to be sent: when it began, in microseconds, 0 for when the row was entered, and how
-- many attempts of it were made.

ALTER TABLE outbox ADD COLUMN begun BIGINT NOT NULL DEFAULT 0;
ALTER TABLE outbox ADD COLUMN spent BIGINT NOT NULL DEFAULT 0;
