-- oldest: 2
-- What an attempt sent, and whether its bytes may have arrived although no answer proves it (REL-027). The digest of what C1
-- handed in finds a message whose id nobody has read.

ALTER TABLE attempt ADD COLUMN sealed_key TEXT NOT NULL DEFAULT '';
ALTER TABLE attempt ADD COLUMN unclear BIGINT NOT NULL DEFAULT 0;
UPDATE attempt SET unclear = 1 WHERE ended = 0 OR outcome IN ('interrupted', 'unknown', 'error');
UPDATE attempt SET sealed_key = COALESCE((SELECT m.sealed_key FROM message m WHERE m.id = attempt.message_id AND m.tenant = attempt.tenant), '');

ALTER TABLE message ADD COLUMN content BYTES;
CREATE INDEX message_content ON message (tenant, content) WHERE content IS NOT NULL;

-- Work that was under way when its process died may be what it died of. suspect counts the starts without an end for which no
-- other work can be to blame (REL-067).
ALTER TABLE outbox ADD COLUMN suspect BIGINT NOT NULL DEFAULT 0;
CREATE INDEX outbox_owner ON outbox (owner) WHERE done = 0;
