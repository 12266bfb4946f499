-- What holders said to the splits and dividends that were proposed to them. Which ones these are is sealed: the column proposal is a
-- keyed hash, the rest is in body.

CREATE TABLE proposal_decisions (
    owner      TEXT   NOT NULL,
    portfolio  TEXT   NOT NULL,
    proposal   BYTEA  NOT NULL,
    decided_at BIGINT NOT NULL,
    body       BYTEA  NOT NULL,
    PRIMARY KEY (owner, portfolio, proposal)
) /* by key */;
