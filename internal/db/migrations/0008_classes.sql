-- oldest: 2
-- The class of a message to be sent: 1 for what must not wait, such as message level statuses, 2 for documents, 3 for those of
-- a batch, 4 for reports. What an older program enters is a document.

ALTER TABLE outbox ADD COLUMN class BIGINT NOT NULL DEFAULT 2;

-- Work is claimed by lane, tenant and class, so that none of them costs another anything by the number of its rows.
CREATE INDEX outbox_turn ON outbox (lane, tenant, class, due, id) WHERE done = 0 AND kind = 'send';
DROP INDEX outbox_lane;
