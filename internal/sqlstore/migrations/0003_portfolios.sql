-- Portfolios, accounts and the journal of activities. The columns named body and interest are sealed under the owner's key.
-- An activity's versions are rows of their own; none is ever overwritten.

CREATE TABLE portfolios (
    owner      TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    sequence   BIGINT NOT NULL,
    entries    BIGINT NOT NULL,
    body       BYTEA  NOT NULL,
    interest   BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (owner, id)
) /* by key */;

CREATE TABLE snapshots (
    owner     TEXT   NOT NULL,
    portfolio TEXT   NOT NULL,
    sequence  BIGINT NOT NULL,
    body      BYTEA  NOT NULL,
    PRIMARY KEY (owner, portfolio)
) /* by key */;

CREATE TABLE accounts (
    owner     TEXT   NOT NULL,
    portfolio TEXT   NOT NULL,
    id        TEXT   NOT NULL,
    position  BIGINT NOT NULL,
    body      BYTEA  NOT NULL,
    PRIMARY KEY (owner, portfolio, id)
) /* by key */;

CREATE TABLE activities (
    owner       TEXT    NOT NULL,
    portfolio   TEXT    NOT NULL,
    id          TEXT    NOT NULL,
    version     BIGINT  NOT NULL,
    position    BIGINT  NOT NULL,
    voided      BOOLEAN NOT NULL,
    recorded_at BIGINT  NOT NULL,
    body        BYTEA   NOT NULL,
    PRIMARY KEY (owner, portfolio, id, version)
) /* by key */;
