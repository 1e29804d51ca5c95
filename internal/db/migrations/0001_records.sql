-- oldest: 1
-- Every table has the tenant (D-21), except schema_migration, which describes the database itself. Times are microseconds
-- in UTC, 0 means "not set". Keys are UUIDv7 texts. Type
-- BYTES and the word CLUSTERED (rows lie in their primary key) are replaced by what the engine calls them.

CREATE TABLE message (
    id                 TEXT   NOT NULL PRIMARY KEY,
    tenant             TEXT   NOT NULL,
    domain             TEXT   NOT NULL,
    direction          TEXT   NOT NULL,
    state              TEXT   NOT NULL,
    version            BIGINT NOT NULL,
    events             BIGINT NOT NULL, -- number of rows in event
    message_id         TEXT   NOT NULL,
    conversation_id    TEXT   NOT NULL,
    as4_time           BIGINT NOT NULL,
    c2                 TEXT   NOT NULL,
    c3                 TEXT   NOT NULL,
    sender             TEXT   NOT NULL,
    receiver           TEXT   NOT NULL,
    doctype_scheme     TEXT   NOT NULL,
    doctype            TEXT   NOT NULL,
    process_scheme     TEXT   NOT NULL,
    process            TEXT   NOT NULL,
    transport          TEXT   NOT NULL,
    instance_id        TEXT   NOT NULL,
    creation_time      TEXT   NOT NULL,
    country_c1         TEXT   NOT NULL,
    mls_to             TEXT   NOT NULL,
    mls_type           TEXT   NOT NULL,
    possible_duplicate BIGINT NOT NULL,
    created            BIGINT NOT NULL,
    accepted           BIGINT NOT NULL,
    payload_key        TEXT   NOT NULL,
    payload_length     BIGINT NOT NULL,
    payload_sha256     BYTES,
    payload_mime       TEXT   NOT NULL,
    sealed_key         TEXT   NOT NULL,
    sealed_length      BIGINT NOT NULL,
    sealed_sha256      BYTES,
    sealed_type        TEXT   NOT NULL,
    endpoint           TEXT   NOT NULL,
    peer_cert          BYTES,
    digests            BYTES
);
CREATE INDEX message_message_id ON message (tenant, direction, message_id);
CREATE INDEX message_state ON message (tenant, direction, state, created);
CREATE INDEX message_created ON message (tenant, created);
CREATE INDEX message_instance ON message (tenant, instance_id); -- SBDH-046

CREATE TABLE evidence (
    message_id   TEXT   NOT NULL,
    kind         TEXT   NOT NULL,
    attempt      BIGINT NOT NULL,
    tenant       TEXT   NOT NULL,
    content_type TEXT   NOT NULL,
    bytes        BYTES  NOT NULL,
    PRIMARY KEY (message_id, kind, attempt)
);

CREATE TABLE attempt (
    message_id  TEXT   NOT NULL,
    n           BIGINT NOT NULL,
    tenant      TEXT   NOT NULL,
    started     BIGINT NOT NULL,
    ended       BIGINT NOT NULL,
    endpoint    TEXT   NOT NULL,
    fingerprint TEXT   NOT NULL,
    outcome     TEXT   NOT NULL,
    code        TEXT   NOT NULL,
    detail      TEXT   NOT NULL,
    PRIMARY KEY (message_id, n)
) CLUSTERED;

CREATE TABLE event (
    message_id TEXT   NOT NULL,
    seq        BIGINT NOT NULL,
    tenant     TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    kind       TEXT   NOT NULL,
    from_state TEXT   NOT NULL,
    to_state   TEXT   NOT NULL,
    detail     TEXT   NOT NULL,
    actor      TEXT   NOT NULL,
    PRIMARY KEY (message_id, seq)
) CLUSTERED;

-- The id is kind/tenant/key: the same work entered twice is one row.
CREATE TABLE outbox (
    id         TEXT   NOT NULL PRIMARY KEY,
    tenant     TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    job_key    TEXT   NOT NULL,
    message_id TEXT   NOT NULL, -- '' for work without a message
    args       BYTES,
    created    BIGINT NOT NULL,
    due        BIGINT NOT NULL,
    owner      TEXT   NOT NULL,
    lease_end  BIGINT NOT NULL,
    token      BIGINT NOT NULL, -- fencing token, one more with each claim
    tries      BIGINT NOT NULL, -- claims so far
    unended    BIGINT NOT NULL, -- claims in a row that no ending followed (REL-067)
    done       BIGINT NOT NULL, -- when it ended, 0 while open
    dead       BIGINT NOT NULL, -- 1: ended by giving up
    reason     TEXT   NOT NULL  -- of the last delay or of giving up
) CLUSTERED;
CREATE INDEX outbox_due ON outbox (kind, due) WHERE done = 0;
CREATE INDEX outbox_dead ON outbox (tenant, kind, done) WHERE dead = 1;

CREATE TABLE duplicate (
    tenant     TEXT   NOT NULL,
    seat       TEXT   NOT NULL,
    message_id TEXT   NOT NULL, -- eb:MessageId
    digests    BYTES,
    ref        TEXT   NOT NULL, -- message.id
    accepted   BIGINT NOT NULL,
    kept_until BIGINT NOT NULL,
    PRIMARY KEY (tenant, seat, message_id) -- SEC-070
) CLUSTERED;
CREATE INDEX duplicate_kept_until ON duplicate (kept_until);

CREATE TABLE submission (
    tenant  TEXT   NOT NULL,
    idem_key TEXT  NOT NULL,
    digest  BYTES  NOT NULL,
    ref     TEXT   NOT NULL, -- message.id
    created BIGINT NOT NULL,
    PRIMARY KEY (tenant, idem_key) -- REL-020
) CLUSTERED;

CREATE TABLE exchange (
    tenant         TEXT   NOT NULL,
    direction      TEXT   NOT NULL,
    c2             TEXT   NOT NULL,
    message_id     TEXT   NOT NULL,
    at             BIGINT NOT NULL,
    c3             TEXT   NOT NULL,
    doctype_scheme TEXT   NOT NULL,
    doctype        TEXT   NOT NULL,
    process_scheme TEXT   NOT NULL,
    process        TEXT   NOT NULL,
    transport      TEXT   NOT NULL,
    country_c1     TEXT   NOT NULL,
    sender         TEXT   NOT NULL,
    receiver       TEXT   NOT NULL,
    PRIMARY KEY (tenant, direction, c2, message_id) -- D-11
) CLUSTERED;
CREATE INDEX exchange_at ON exchange (tenant, at);

CREATE TABLE served (
    tenant          TEXT   NOT NULL,
    participant_key TEXT   NOT NULL, -- lower case (DISC-003)
    doctype_scheme  TEXT   NOT NULL,
    doctype         TEXT   NOT NULL,
    process_scheme  TEXT   NOT NULL,
    process         TEXT   NOT NULL,
    participant     TEXT   NOT NULL, -- as written
    domain          TEXT   NOT NULL,
    valid_from      BIGINT NOT NULL,
    valid_until     BIGINT NOT NULL, -- first moment at which it is no longer served
    PRIMARY KEY (tenant, participant_key, doctype_scheme, doctype, process_scheme, process)
) CLUSTERED;

CREATE TABLE audit (
    id         TEXT   NOT NULL PRIMARY KEY,
    tenant     TEXT   NOT NULL,
    at         BIGINT NOT NULL,
    actor      TEXT   NOT NULL,
    action     TEXT   NOT NULL,
    subject    TEXT   NOT NULL,
    message_id TEXT   NOT NULL, -- eb:MessageId of a refused message, or message.id
    code       TEXT   NOT NULL,
    detail     TEXT   NOT NULL
);
CREATE INDEX audit_at ON audit (tenant, at);
