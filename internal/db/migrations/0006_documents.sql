-- oldest: 2
-- What documents are found by, and what is shown of them (API-120): the number that a document bears, the SHA-256 of the file
-- that C1 handed in, when something happened last, what the rules say, the code of what stopped it. A row is right in these
-- columns while detailed is the number of its events. An older program writes rows and events without them; a worker finds
-- such rows by message_stale, which is empty once it is done.

ALTER TABLE message ADD COLUMN document_number TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN handed_in BYTES;
ALTER TABLE message ADD COLUMN updated BIGINT NOT NULL DEFAULT 0;
ALTER TABLE message ADD COLUMN verdict TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN fault_code TEXT NOT NULL DEFAULT '';
ALTER TABLE message ADD COLUMN detailed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX message_stale ON message (id) WHERE detailed <> events;

-- Each search runs along one index in the order of its list, so that it can stop after so many rows (API-057). Participants
-- are compared in lower case (DISC-003).
CREATE INDEX message_number ON message (tenant, document_number, created) WHERE document_number <> '';
CREATE INDEX message_sender ON message (tenant, LOWER(sender), created);
CREATE INDEX message_receiver ON message (tenant, LOWER(receiver), created);
CREATE INDEX message_payload ON message (tenant, payload_sha256, created);
CREATE INDEX message_handed_in ON message (tenant, handed_in, created) WHERE handed_in IS NOT NULL;
DROP INDEX message_message_id;
CREATE INDEX message_message_id ON message (tenant, direction, message_id, created);
DROP INDEX message_instance;
CREATE INDEX message_instance ON message (tenant, instance_id, created) -- SBDH-046
