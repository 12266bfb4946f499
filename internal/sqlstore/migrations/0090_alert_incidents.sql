-- What happened to somebody that a rule of theirs may wait for: an import that was refused, an unusual sign-in. Only the latest are kept;
-- nothing is in them but what happened, and when.

CREATE TABLE alert_incidents (
    owner TEXT   NOT NULL,
    id    TEXT   NOT NULL,
    kind  TEXT   NOT NULL,
    at    BIGINT NOT NULL,
    PRIMARY KEY (owner, id)
) /* by key */;
