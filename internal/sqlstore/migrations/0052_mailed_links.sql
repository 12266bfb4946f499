-- Links that do something for whoever has them: set a password anew, or show that mail to an address reaches somebody. Only the hash of
-- a link's secret is kept, and the row goes away when the link is used. The address that a link confirms is sealed. A user's
-- confirmed_at is when it was shown that mail reaches them (0: not yet), and an invitation knows whether its link went out by mail,
-- which shows the same.

CREATE TABLE mailed_links (
    owner      TEXT   NOT NULL,
    hash       BYTEA  NOT NULL,
    purpose    TEXT   NOT NULL,
    address    BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (owner, hash)
) /* by key */;

CREATE INDEX mailed_links_expires ON mailed_links (expires_at);

ALTER TABLE users ADD COLUMN confirmed_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE invitations ADD COLUMN mailed BIGINT NOT NULL DEFAULT 0;
