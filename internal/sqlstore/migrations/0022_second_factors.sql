-- The second proof of who somebody is, guesses at secrets, and where sessions came from. Seeds and origins are sealed under their
-- owner's key; a seed waits in the column pending until a code has shown that an app knows it. Codes for recovery are hashes, each
-- gone once it was used. The table attempts counts guesses on all nodes together: its key is a blind index, and clear_at is when
-- everything that was taken has grown back.

CREATE TABLE second_factors (
    owner        TEXT   NOT NULL PRIMARY KEY,
    seed         BYTEA  NOT NULL,
    pending      BYTEA  NOT NULL,
    confirmed_at BIGINT NOT NULL,
    counter      BIGINT NOT NULL
) /* by key */;

CREATE TABLE recovery_codes (
    owner TEXT  NOT NULL,
    hash  BYTEA NOT NULL,
    PRIMARY KEY (owner, hash)
) /* by key */;

CREATE TABLE attempts (
    key_index BYTEA  NOT NULL PRIMARY KEY,
    clear_at  BIGINT NOT NULL
) /* by key */;

CREATE INDEX attempts_clear ON attempts (clear_at);

ALTER TABLE sessions ADD COLUMN origin TEXT NOT NULL DEFAULT '';
