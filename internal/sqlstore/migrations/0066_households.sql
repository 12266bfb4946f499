-- People who let each other see portfolios. A household lies with its founder: its name, sealed under the founder's key, its members with
-- the founder among them, and what they share with it. A member who is only invited has no person yet, and the table household_links leads
-- from the hash of their link to them. The table memberships says under each member which household is theirs, of which there is one.

CREATE TABLE households (
    owner      TEXT   NOT NULL PRIMARY KEY,
    name       BYTEA  NOT NULL,
    created_at BIGINT NOT NULL
) /* by key */;

CREATE TABLE household_members (
    owner        TEXT   NOT NULL,
    id           TEXT   NOT NULL,
    member       TEXT   NOT NULL,
    offered_till BIGINT NOT NULL,
    joined_at    BIGINT NOT NULL,
    PRIMARY KEY (owner, id)
) /* by key */;

CREATE TABLE household_links (
    hash  BYTEA NOT NULL PRIMARY KEY,
    owner TEXT  NOT NULL,
    id    TEXT  NOT NULL
) /* by key */;

CREATE TABLE household_portfolios (
    owner     TEXT NOT NULL,
    portfolio TEXT NOT NULL,
    holder    TEXT NOT NULL,
    level     TEXT NOT NULL,
    PRIMARY KEY (owner, portfolio)
) /* by key */;

CREATE TABLE memberships (
    owner   TEXT NOT NULL PRIMARY KEY,
    founder TEXT NOT NULL
) /* by key */;
