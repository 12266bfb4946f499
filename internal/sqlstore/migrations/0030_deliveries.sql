-- Mail that waits to be sent, and what became of it. Address, text and every secret in it are sealed in the column message, which is
-- emptied once the mail was sent or given up. A waiting mail has a job, made in the same transaction, that knows owner and id alone.

CREATE TABLE deliveries (
    owner      TEXT   NOT NULL,
    id         TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    state      TEXT   NOT NULL,
    outcome    TEXT   NOT NULL,
    tries      BIGINT NOT NULL,
    message    BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    tried_at   BIGINT NOT NULL,
    PRIMARY KEY (owner, id)
) /* by key */;

CREATE INDEX deliveries_created ON deliveries (created_at);
CREATE INDEX deliveries_open ON deliveries (state) WHERE state <> 'sent';
