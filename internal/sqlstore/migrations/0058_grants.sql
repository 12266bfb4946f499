-- What owners gave others of their portfolios. A grant lies with the owner; while it is only offered it has no grantee, and the table
-- grant_links leads from the hash of its link to it. Once it is accepted, shared_portfolios says the same under the grantee, as owner of
-- what they were given, so that it is found from there. The column offer holds whom it was meant for, sealed under the owner's key.
-- No expires_at is 0.

CREATE TABLE grants (
    owner        TEXT   NOT NULL,
    portfolio    TEXT   NOT NULL,
    id           TEXT   NOT NULL,
    grantee      TEXT   NOT NULL,
    level        TEXT   NOT NULL,
    offer        BYTEA  NOT NULL,
    created_at   BIGINT NOT NULL,
    offered_till BIGINT NOT NULL,
    accepted_at  BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    PRIMARY KEY (owner, portfolio, id)
) /* by key */;

CREATE TABLE grant_links (
    hash      BYTEA NOT NULL PRIMARY KEY,
    owner     TEXT  NOT NULL,
    portfolio TEXT  NOT NULL,
    id        TEXT  NOT NULL
) /* by key */;

CREATE TABLE shared_portfolios (
    owner      TEXT   NOT NULL,
    portfolio  TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    holder     TEXT   NOT NULL,
    level      TEXT   NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (owner, portfolio)
) /* by key */;
