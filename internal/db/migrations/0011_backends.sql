-- oldest: 2
-- The lane of a delivery is the backend that it goes to, '' while it is not known. Deliveries are claimed by backend, tenant
-- and class like messages to be sent, so that one backend costs another nothing by the number of its documents.

CREATE INDEX outbox_deliver ON outbox (lane, tenant, class, due, id) WHERE done = 0 AND kind = 'deliver';
