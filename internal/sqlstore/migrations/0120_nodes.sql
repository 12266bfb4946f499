-- Which nodes are there, as they say themselves, and until when each engine asks for the partitions that hashing deals to it: where that is
-- another time than until_at, the engine is of an earlier release, which asks for an equal share of whatever is free.

CREATE TABLE nodes (
    name           TEXT   NOT NULL PRIMARY KEY,
    roles          TEXT   NOT NULL,
    version        TEXT   NOT NULL,
    schema_version BIGINT NOT NULL,
    keyring        TEXT   NOT NULL,
    started_at     BIGINT NOT NULL,
    ahead          BIGINT NOT NULL,
    seen_at        BIGINT NOT NULL,
    until_at       BIGINT NOT NULL
) /* by key */;

ALTER TABLE alert_engines ADD COLUMN dealt_until BIGINT NOT NULL DEFAULT 0;
