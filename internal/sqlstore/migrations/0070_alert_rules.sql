-- What people want to be told of, and how each rule stands. Owners are dealt to partitions by a hash of their id; each partition is
-- evaluated by one node at a time, which alone holds its fence. A rule that its owner changes raises the sequence of the partition,
-- and its owner takes that: so whoever evaluates the partition finds who changed something since it last looked.

CREATE TABLE alert_rules (
    owner            TEXT   NOT NULL,
    id               TEXT   NOT NULL,
    version          BIGINT NOT NULL,
    standing_version BIGINT NOT NULL,
    body             BYTEA  NOT NULL,
    standing         BYTEA  NOT NULL,
    created_at       BIGINT NOT NULL,
    PRIMARY KEY (owner, id)
) /* by key */;

CREATE TABLE alert_owners (
    owner     TEXT   NOT NULL PRIMARY KEY,
    partition BIGINT NOT NULL,
    sequence  BIGINT NOT NULL
) /* by key */;

CREATE INDEX alert_owners_changed ON alert_owners (partition, sequence);

CREATE TABLE alert_partitions (
    partition  BIGINT NOT NULL PRIMARY KEY,
    sequence   BIGINT NOT NULL,
    cursor     BIGINT NOT NULL,
    node       TEXT   NOT NULL,
    fence      BIGINT NOT NULL,
    held_until BIGINT NOT NULL
) /* by key */;

WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 63)
INSERT INTO alert_partitions (partition, sequence, cursor, node, fence, held_until) SELECT n, 0, 0, '', 0, 0 FROM numbers;
