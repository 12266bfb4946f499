-- Browsers that somebody has signed in with, so that they are told of a sign-in from another. The hash is of a secret in the browser
-- together with its owner: two people's rows for one browser have nothing in common. Nobody has any at first, so that the first sign-in
-- after this release tells nobody anything.

CREATE TABLE known_devices (
    owner   TEXT   NOT NULL,
    hash    BYTEA  NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (owner, hash)
) /* by key */;

CREATE INDEX known_devices_seen ON known_devices (seen_at);
