-- One row for each change, in the transaction of the change, numbered without gaps for each owner. Ids only, nothing personal.
-- The owner '' is the service itself.

CREATE TABLE audit_heads (
    owner  TEXT   NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL
) /* by key */;

CREATE TABLE audit_rows (
    owner      TEXT   NOT NULL,
    number     BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    actor      TEXT   NOT NULL,
    action     TEXT   NOT NULL,
    object     TEXT   NOT NULL,
    request_id TEXT   NOT NULL,
    result     TEXT   NOT NULL,
    PRIMARY KEY (owner, number)
) /* by key */;
