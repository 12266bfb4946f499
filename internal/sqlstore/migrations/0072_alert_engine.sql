-- What becomes of alert rules: the log of each owner, what was told once and isn't told again, and the nodes that evaluate rules now,
-- so that each takes its share of the partitions.

CREATE TABLE alert_events (
    owner TEXT   NOT NULL,
    id    TEXT   NOT NULL,
    rule  TEXT   NOT NULL,
    kind  TEXT   NOT NULL,
    at    BIGINT NOT NULL,
    body  BYTEA  NOT NULL,
    PRIMARY KEY (owner, id)
) /* by key */;

CREATE INDEX alert_events_log ON alert_events (owner, at);
CREATE INDEX alert_events_at ON alert_events (at);

CREATE TABLE alert_occurrences (
    owner    TEXT   NOT NULL,
    rule     TEXT   NOT NULL,
    key_hash BYTEA  NOT NULL,
    at       BIGINT NOT NULL,
    PRIMARY KEY (owner, rule, key_hash)
) /* by key */;

CREATE INDEX alert_occurrences_at ON alert_occurrences (at);

CREATE TABLE alert_engines (
    node     TEXT   NOT NULL PRIMARY KEY,
    until_at BIGINT NOT NULL
) /* by key */;
