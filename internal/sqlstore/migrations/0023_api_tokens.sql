-- What programs sign in with. Only the hash of a token is kept; its name, which people choose, is sealed. Scopes are bits.

CREATE TABLE api_tokens (
    owner      TEXT   NOT NULL,
    hash       BYTEA  NOT NULL,
    name       BYTEA  NOT NULL,
    scopes     BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    PRIMARY KEY (owner, hash)
) /* by key */;

CREATE INDEX api_tokens_expires ON api_tokens (expires_at);
