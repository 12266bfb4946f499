-- Users, their keys and sessions. What the columns named profile, password and answer hold is sealed under the user's key.
-- The tables emails and invitations only lead from a blind index or a secret's hash to an owner; they hold nothing else.

CREATE TABLE installation (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) /* by key */;

CREATE TABLE users (
    owner       TEXT   NOT NULL PRIMARY KEY,
    role        TEXT   NOT NULL,
    status      TEXT   NOT NULL,
    key_version BIGINT NOT NULL,
    profile     BYTEA  NOT NULL,
    password    BYTEA  NOT NULL,
    created_at  BIGINT NOT NULL
) /* by key */;

CREATE TABLE user_keys (
    owner   TEXT   NOT NULL,
    version BIGINT NOT NULL,
    wrapped BYTEA  NOT NULL,
    PRIMARY KEY (owner, version)
) /* by key */;

CREATE TABLE emails (
    email_index BYTEA NOT NULL PRIMARY KEY,
    owner       TEXT  NOT NULL
) /* by key */;

CREATE TABLE invitations (
    hash       BYTEA  NOT NULL PRIMARY KEY,
    owner      TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL
) /* by key */;

CREATE TABLE sessions (
    owner      TEXT   NOT NULL,
    hash       BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    stepped_at BIGINT NOT NULL,
    PRIMARY KEY (owner, hash)
) /* by key */;

CREATE INDEX sessions_seen ON sessions (seen_at);

CREATE TABLE answers (
    owner      TEXT   NOT NULL,
    key_index  BYTEA  NOT NULL,
    body_hash  BYTEA  NOT NULL,
    status     BIGINT NOT NULL,
    answer     BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (owner, key_index)
) /* by key */;

CREATE INDEX answers_created ON answers (created_at);
