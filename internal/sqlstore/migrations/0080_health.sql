-- How the installation is: what each node found when it last looked (the empty name: what all share), the troubles that administrators are
-- told of, and which node tells. Nothing of it is personal, and all but quiet_until comes again by itself.

CREATE TABLE health_watch (
    name     TEXT   NOT NULL PRIMARY KEY,
    node     TEXT   NOT NULL,
    until_at BIGINT NOT NULL,
    fence    BIGINT NOT NULL
) /* by key */;

INSERT INTO health_watch (name, node, until_at, fence) VALUES ('watch', '', 0, 0);

CREATE TABLE health_reports (
    node TEXT   NOT NULL PRIMARY KEY,
    at   BIGINT NOT NULL,
    body TEXT   NOT NULL
) /* by key */;

CREATE TABLE health_troubles (
    node        TEXT   NOT NULL,
    name        TEXT   NOT NULL,
    state       TEXT   NOT NULL,
    since       BIGINT NOT NULL,
    says        TEXT   NOT NULL,
    fix         TEXT   NOT NULL,
    told        TEXT   NOT NULL,
    mended_at   BIGINT NOT NULL,
    quiet_until BIGINT NOT NULL,
    PRIMARY KEY (node, name)
) /* by key */;
