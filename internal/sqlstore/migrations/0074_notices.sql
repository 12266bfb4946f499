-- What people are told, and by which way. A notice is one row of its owner's inbox; beside it is a row for each channel that it goes out
-- by, with a job, made in the same transaction, that knows owner, notice and channel alone. What is said lies sealed in the notice, how a
-- channel is reached in the channel. A delivery holds nothing personal.

CREATE TABLE channels (
    owner      TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    body       BYTEA  NOT NULL,
    confirm    BYTEA  NOT NULL,
    confirm_by BIGINT NOT NULL,
    failing    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (owner, id)
) /* by key */;

CREATE TABLE notices (
    owner   TEXT   NOT NULL,
    id      TEXT   NOT NULL,
    kind    TEXT   NOT NULL,
    rule    TEXT   NOT NULL,
    body    BYTEA  NOT NULL,
    at      BIGINT NOT NULL,
    read_at BIGINT NOT NULL,
    PRIMARY KEY (owner, id)
) /* by key */;

CREATE INDEX notices_inbox ON notices (owner, at);
CREATE INDEX notices_at ON notices (at);

CREATE TABLE notice_deliveries (
    owner      TEXT   NOT NULL,
    notice     TEXT   NOT NULL,
    channel    TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    outcome    TEXT   NOT NULL,
    tries      BIGINT NOT NULL,
    due_at     BIGINT NOT NULL,
    tried_at   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (owner, notice, channel)
) /* by key */;

CREATE INDEX notice_deliveries_created ON notice_deliveries (created_at);
CREATE INDEX notice_deliveries_open ON notice_deliveries (state) WHERE state <> 'sent';

CREATE TABLE notice_settings (
    owner      TEXT   NOT NULL,
    body       BYTEA  NOT NULL,
    digest_due BIGINT NOT NULL,
    PRIMARY KEY (owner)
) /* by key */;

CREATE INDEX notice_settings_due ON notice_settings (digest_due) WHERE digest_due > 0;
