-- When somebody's session last left a row in an owner's log for having looked at what isn't theirs.

CREATE TABLE looks (
    owner     TEXT   NOT NULL,
    portfolio TEXT   NOT NULL,
    session   TEXT   NOT NULL,
    at        BIGINT NOT NULL,
    PRIMARY KEY (owner, portfolio, session)
) /* by key */;

CREATE INDEX looks_at ON looks (at);
