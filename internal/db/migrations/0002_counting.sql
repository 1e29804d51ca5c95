-- oldest: 2
-- Counting rows hold numbers; the texts stand once, in term. A row is written to counting in the transaction of the receipt
-- and moved to the ledger by a worker, which gives it its place and its month. A row of the ledger never changes.

CREATE TABLE term (
    id     SERIAL,
    tenant TEXT   NOT NULL,
    kind   BIGINT NOT NULL, -- 1 seat, 2 document type, 3 process, 4 transport profile, 5 country, 6 participant, 7 domain
    scheme TEXT   NOT NULL, -- of an identifier, '' for the other kinds
    value  TEXT   NOT NULL
);
CREATE UNIQUE INDEX term_text ON term (tenant, kind, value, scheme);

CREATE TABLE counting (
    tenant     TEXT   NOT NULL,
    direction  BIGINT NOT NULL, -- 1 incoming, 2 outgoing
    c2         BIGINT NOT NULL,
    message_id TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    c3         BIGINT NOT NULL,
    doctype    BIGINT NOT NULL,
    process    BIGINT NOT NULL,
    transport  BIGINT NOT NULL,
    country_c1 BIGINT NOT NULL,
    sender     BIGINT NOT NULL,
    receiver   BIGINT NOT NULL,
    domain     BIGINT NOT NULL,
    PRIMARY KEY (tenant, direction, c2, message_id) -- D-11
) CLUSTERED;

CREATE TABLE ledger (
    tenant     TEXT   NOT NULL,
    seq        BIGINT NOT NULL,
    month      BIGINT NOT NULL, -- in which it is counted, 202610; later than that of at when that was closed
    direction  BIGINT NOT NULL,
    c2         BIGINT NOT NULL,
    message_id TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    c3         BIGINT NOT NULL,
    doctype    BIGINT NOT NULL,
    process    BIGINT NOT NULL,
    transport  BIGINT NOT NULL,
    country_c1 BIGINT NOT NULL,
    sender     BIGINT NOT NULL,
    receiver   BIGINT NOT NULL,
    domain     BIGINT NOT NULL,
    PRIMARY KEY (tenant, seq)
) CLUSTERED;
CREATE UNIQUE INDEX ledger_once ON ledger (tenant, direction, c2, message_id);

-- The row of a tenant is the lock of its worker: moving, closing and correcting happen one after the other.
CREATE TABLE ledger_state (
    tenant TEXT   NOT NULL PRIMARY KEY,
    seq    BIGINT NOT NULL, -- of the last row of the ledger
    closed BIGINT NOT NULL, -- last closed month, 0 when there is none
    events BIGINT NOT NULL, -- last correction
    folded BIGINT NOT NULL  -- rows up to this one are in tally
);

-- Where the rows of a month lie in the ledger, so that reading it needs no index.
CREATE TABLE ledger_month (
    tenant    TEXT   NOT NULL,
    month     BIGINT NOT NULL,
    first     BIGINT NOT NULL,
    last      BIGINT NOT NULL,
    row_count BIGINT NOT NULL,
    late      BIGINT NOT NULL, -- rows of earlier months that came after those were closed
    closed    BIGINT NOT NULL, -- when; 0 while open
    actor     TEXT   NOT NULL,
    PRIMARY KEY (tenant, month)
);

CREATE TABLE tally (
    tenant    TEXT   NOT NULL,
    month     BIGINT NOT NULL,
    seat      BIGINT NOT NULL, -- our own
    direction BIGINT NOT NULL,
    doctype   BIGINT NOT NULL,
    process   BIGINT NOT NULL,
    folded    BIGINT NOT NULL, -- rows of this key up to this one are in it
    version   BIGINT NOT NULL, -- of the classes of users, by which it is counted
    entries   BYTES  NOT NULL,
    PRIMARY KEY (tenant, month, seat, direction, doctype, process)
);

CREATE TABLE customer_event (
    tenant  TEXT   NOT NULL,
    seq     BIGINT NOT NULL,
    at      BIGINT NOT NULL,
    actor   TEXT   NOT NULL,
    kind    TEXT   NOT NULL, -- customer or participant
    subject TEXT   NOT NULL,
    field   TEXT   NOT NULL,
    was     TEXT   NOT NULL,
    becomes TEXT   NOT NULL,
    PRIMARY KEY (tenant, seq)
) CLUSTERED;

CREATE TABLE report_build (
    tenant   TEXT   NOT NULL,
    month    BIGINT NOT NULL,
    seat     TEXT   NOT NULL,
    revision BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    actor    TEXT   NOT NULL,
    events   BIGINT NOT NULL, -- last correction that was used
    tsr      BYTES  NOT NULL,
    eusr     BYTES  NOT NULL,
    protocol TEXT   NOT NULL, -- what checked it and found what; versions of program and code lists
    PRIMARY KEY (tenant, month, seat, revision)
);

CREATE TABLE report_mark (
    tenant   TEXT   NOT NULL,
    month    BIGINT NOT NULL,
    seat     TEXT   NOT NULL,
    what     TEXT   NOT NULL, -- tsr, eusr or dfo
    revision BIGINT NOT NULL,
    at       BIGINT NOT NULL,
    actor    TEXT   NOT NULL,
    detail   TEXT   NOT NULL, -- AS4 MessageId, file name …
    PRIMARY KEY (tenant, month, seat, what, at)
);

INSERT INTO term (tenant, kind, scheme, value)
    SELECT tenant, 1, '', c2 FROM exchange UNION SELECT tenant, 1, '', c3 FROM exchange
    UNION SELECT tenant, 2, doctype_scheme, doctype FROM exchange
    UNION SELECT tenant, 3, process_scheme, process FROM exchange
    UNION SELECT tenant, 4, '', transport FROM exchange
    UNION SELECT tenant, 5, '', country_c1 FROM exchange
    UNION SELECT tenant, 6, '', sender FROM exchange UNION SELECT tenant, 6, '', receiver FROM exchange
    UNION SELECT tenant, 7, '', '' FROM exchange;

INSERT INTO counting (tenant, direction, c2, message_id, at, c3, doctype, process, transport, country_c1, sender, receiver, domain)
    SELECT e.tenant, CASE e.direction WHEN 'in' THEN 1 ELSE 2 END, c2.id, e.message_id, e.at, c3.id, d.id, p.id, t.id, c.id, s.id, r.id, o.id
    FROM exchange e
    JOIN term c2 ON c2.tenant = e.tenant AND c2.kind = 1 AND c2.value = e.c2 AND c2.scheme = ''
    JOIN term c3 ON c3.tenant = e.tenant AND c3.kind = 1 AND c3.value = e.c3 AND c3.scheme = ''
    JOIN term d ON d.tenant = e.tenant AND d.kind = 2 AND d.value = e.doctype AND d.scheme = e.doctype_scheme
    JOIN term p ON p.tenant = e.tenant AND p.kind = 3 AND p.value = e.process AND p.scheme = e.process_scheme
    JOIN term t ON t.tenant = e.tenant AND t.kind = 4 AND t.value = e.transport AND t.scheme = ''
    JOIN term c ON c.tenant = e.tenant AND c.kind = 5 AND c.value = e.country_c1 AND c.scheme = ''
    JOIN term s ON s.tenant = e.tenant AND s.kind = 6 AND s.value = e.sender AND s.scheme = ''
    JOIN term r ON r.tenant = e.tenant AND r.kind = 6 AND r.value = e.receiver AND r.scheme = ''
    JOIN term o ON o.tenant = e.tenant AND o.kind = 7 AND o.value = '' AND o.scheme = '';

DROP TABLE exchange
