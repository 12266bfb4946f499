-- Audit rows become leaves of a tree: leaf is a row's number among all, from 0, and -1 until it has one. A row says who asked from
-- where (node, session), to what sequence it brought a portfolio and with how many rows of activities; detail is sealed under the
-- owner's key, and commitment, which is part of the leaf, binds the row to it; tag shows that this installation wrote the row. Portfolios that are older than this begin with a
-- row that says how they are.

CREATE TABLE audit_leaves (
    owner              TEXT   NOT NULL,
    number             BIGINT NOT NULL,
    at                 BIGINT NOT NULL,
    actor              TEXT   NOT NULL,
    session            TEXT   NOT NULL,
    node               TEXT   NOT NULL,
    action             TEXT   NOT NULL,
    object             TEXT   NOT NULL,
    request_id         TEXT   NOT NULL,
    result             TEXT   NOT NULL,
    portfolio          TEXT   NOT NULL,
    portfolio_sequence BIGINT NOT NULL,
    portfolio_rows     BIGINT NOT NULL,
    detail             BYTEA  NOT NULL,
    commitment         BYTEA  NOT NULL,
    tag                BYTEA  NOT NULL,
    leaf               BIGINT NOT NULL,
    PRIMARY KEY (owner, number)
) /* by key */;

INSERT INTO audit_leaves (owner, number, at, actor, session, node, action, object, request_id, result,
    portfolio, portfolio_sequence, portfolio_rows, detail, commitment, tag, leaf)
SELECT owner, number, at, actor, '', '', action, object, request_id, result, '', 0, 0, CAST('' AS BYTEA), CAST('' AS BYTEA), CAST('' AS BYTEA), -1
FROM audit_rows;

INSERT INTO audit_leaves (owner, number, at, actor, session, node, action, object, request_id, result,
    portfolio, portfolio_sequence, portfolio_rows, detail, commitment, tag, leaf)
SELECT p.owner, h.number + ROW_NUMBER() OVER (PARTITION BY p.owner ORDER BY p.id),
    (SELECT COALESCE(MAX(r.at), 0) FROM audit_rows r), '', '', '', 'portfolio.baseline', p.id, '', 'ok', p.id, p.sequence,
    (SELECT COUNT(*) FROM activities a WHERE a.owner = p.owner AND a.portfolio = p.id), CAST('' AS BYTEA), CAST('' AS BYTEA), CAST('' AS BYTEA), -1
FROM portfolios p JOIN audit_heads h ON h.owner = p.owner;

UPDATE audit_heads SET number = number + (SELECT COUNT(*) FROM portfolios p WHERE p.owner = audit_heads.owner);

DROP TABLE audit_rows;
ALTER TABLE audit_leaves RENAME TO audit_rows;

CREATE INDEX audit_rows_leaf ON audit_rows (leaf) WHERE leaf >= 0;
CREATE INDEX audit_rows_waiting ON audit_rows (owner, number) WHERE leaf < 0;
