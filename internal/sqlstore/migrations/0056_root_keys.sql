-- The keys of the root keyset, by which users' keys are wrapped: when each was made and retired. The keys themselves lie in the
-- keyring. Which of them wraps new users' keys, and which state of the keyring every node should hold, are rows of installation;
-- keyring_nodes says which state each running node holds.

CREATE TABLE root_keys (
    id         BIGINT NOT NULL PRIMARY KEY,
    made_at    BIGINT NOT NULL,
    retired_at BIGINT NOT NULL
) /* by key */;

CREATE TABLE keyring_nodes (
    node    TEXT   NOT NULL PRIMARY KEY,
    keyring TEXT   NOT NULL,
    seen_at BIGINT NOT NULL
) /* by key */;
