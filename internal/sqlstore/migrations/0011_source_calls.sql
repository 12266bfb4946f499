-- How calls to sources ended and how long they took, by the hour, so that every node can say how a source did today.

CREATE TABLE source_calls (
    source  TEXT   NOT NULL,
    hour    BIGINT NOT NULL,
    outcome TEXT   NOT NULL,
    calls   BIGINT NOT NULL,
    PRIMARY KEY (source, hour, outcome)
) /* by key */;

CREATE TABLE source_latencies (
    source  TEXT   NOT NULL,
    hour    BIGINT NOT NULL,
    bucket  BIGINT NOT NULL,
    calls   BIGINT NOT NULL,
    PRIMARY KEY (source, hour, bucket)
) /* by key */;
