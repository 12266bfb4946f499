-- Public keys of people's devices, with which they sign in. What the device calls a key, the key and its name are sealed under their
-- owner's key, and a key is found by the blind index of what the device calls it. A challenge is kept from when it was answered until
-- it would have ended by itself, so that it counts once.

CREATE TABLE passkeys (
    owner      TEXT   NOT NULL,
    id_index   BYTEA  NOT NULL,
    body       BYTEA  NOT NULL,
    name       BYTEA  NOT NULL,
    counter    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    PRIMARY KEY (owner, id_index)
) /* by key */;

CREATE TABLE answered_challenges (
    hash    BYTEA  NOT NULL PRIMARY KEY,
    ends_at BIGINT NOT NULL
) /* by key */;

CREATE INDEX answered_challenges_ends ON answered_challenges (ends_at);
