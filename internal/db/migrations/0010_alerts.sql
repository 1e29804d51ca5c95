-- oldest: 2
-- Alerts (OPS-070): what is wrong, since when, how much of it. The same (rule, alert_key) is one open row at most, whichever node
-- sees it; it closes when no node has seen it for a while.

CREATE TABLE alert (
    id             TEXT   NOT NULL PRIMARY KEY,
    tenant         TEXT   NOT NULL, -- whose documents it is about; the default one for what concerns all
    rule           TEXT   NOT NULL,
    alert_key      TEXT   NOT NULL, -- what it is about
    severity       TEXT   NOT NULL,
    opened         BIGINT NOT NULL,
    seen           BIGINT NOT NULL, -- when the condition was seen last
    closed         BIGINT NOT NULL, -- 0 while open
    n              BIGINT NOT NULL, -- how many it is about
    what           TEXT   NOT NULL,
    code           TEXT   NOT NULL, -- of the table of faults, '' for none
    message_id     TEXT   NOT NULL, -- message.id, '' when it is not about one document
    told           BIGINT NOT NULL, -- when its last notice was made
    acked          BIGINT NOT NULL,
    acked_by       TEXT   NOT NULL,
    silenced_until BIGINT NOT NULL,
    silenced_why   TEXT   NOT NULL
);
CREATE UNIQUE INDEX alert_open ON alert (tenant, rule, alert_key) WHERE closed = 0;
CREATE INDEX alert_closed ON alert (closed);

-- What is to be told, on which channel. It is written with the change of the alert that it tells of.
CREATE TABLE alert_notice (
    id       TEXT   NOT NULL PRIMARY KEY,
    tenant   TEXT   NOT NULL,
    channel  TEXT   NOT NULL,
    alert    TEXT   NOT NULL, -- alert.id
    at       BIGINT NOT NULL,
    severity TEXT   NOT NULL,
    subject  TEXT   NOT NULL,
    body     TEXT   NOT NULL, -- for people
    event    TEXT   NOT NULL, -- for programs: a CloudEvent, whose bytes stay the same in all attempts
    ended    BIGINT NOT NULL, -- when it was sent or given up, 0 before
    failed   BIGINT NOT NULL  -- 1: given up
);
CREATE INDEX alert_notice_waiting ON alert_notice (channel, at, id) WHERE ended = 0;
CREATE INDEX alert_notice_ended ON alert_notice (ended);

-- The row of a channel is the lock of whoever sends on it.
CREATE TABLE alert_channel (
    name      TEXT   NOT NULL PRIMARY KEY,
    tenant    TEXT   NOT NULL,
    due       BIGINT NOT NULL, -- not before
    spaced    BIGINT NOT NULL, -- not before, because one was just sent
    lease_end BIGINT NOT NULL,
    owner     TEXT   NOT NULL,
    token     BIGINT NOT NULL,
    failures  BIGINT NOT NULL, -- in a row
    failing   BIGINT NOT NULL, -- since when, 0: the last attempt succeeded
    reason    TEXT   NOT NULL
)
