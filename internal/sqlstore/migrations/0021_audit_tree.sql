-- The tree over all audit rows: how far it is and which node extends it; its hashes, 256 of one level in each tile; and the
-- checkpoints that were signed. What is here can be worked out again from the rows, but for the signatures.

CREATE TABLE audit_tree (
    name     TEXT   NOT NULL PRIMARY KEY,
    node     TEXT   NOT NULL,
    until_at BIGINT NOT NULL,
    fence    BIGINT NOT NULL,
    size     BIGINT NOT NULL,
    root     BYTEA  NOT NULL
) /* by key */;

INSERT INTO audit_tree (name, node, until_at, fence, size, root) VALUES ('audit', '', 0, 0, 0, CAST('' AS BYTEA));

CREATE TABLE audit_tiles (
    level  BIGINT NOT NULL,
    tile   BIGINT NOT NULL,
    hashes BYTEA  NOT NULL,
    PRIMARY KEY (level, tile)
) /* by key */;

CREATE TABLE audit_checkpoints (
    number BIGINT NOT NULL PRIMARY KEY,
    size   BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    text   TEXT   NOT NULL
) /* by key */;
