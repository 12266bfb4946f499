-- Links with which anybody may look at a portfolio until they end. A link's secret is kept as its hash. The second table is who has opened
-- one within this hour, as a keyed hash of link, network and hour, so that each counts once.

CREATE TABLE public_links (
    owner      TEXT   NOT NULL,
    hash       BYTEA  NOT NULL,
    portfolio  TEXT   NOT NULL,
    level      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    opened     BIGINT NOT NULL,
    opened_at  BIGINT NOT NULL,
    PRIMARY KEY (owner, hash)
) /* by key */;

CREATE TABLE public_link_openings (
    owner   TEXT   NOT NULL,
    hash    BYTEA  NOT NULL,
    hour    BIGINT NOT NULL,
    opening BYTEA  NOT NULL,
    PRIMARY KEY (owner, hash, hour, opening)
) /* by key */;
