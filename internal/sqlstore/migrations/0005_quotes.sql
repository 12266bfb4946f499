-- Prices. Every accepted one is a row of quotes for some days; marks holds the newest of each instrument, bars the closes of
-- each year packed into one value (docs/formats/bars.md).

CREATE TABLE counters (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
) /* by key */;

INSERT INTO counters (name, value) VALUES ('quotes', 0);

CREATE TABLE quotes (
    sequence    BIGINT NOT NULL PRIMARY KEY,
    instrument  TEXT   NOT NULL,
    price       TEXT   NOT NULL,
    currency    TEXT   NOT NULL,
    source      TEXT   NOT NULL,
    observed_at BIGINT NOT NULL,
    market_time BIGINT NOT NULL
) /* by key */;

CREATE TABLE marks (
    instrument       TEXT    NOT NULL PRIMARY KEY,
    sequence         BIGINT  NOT NULL,
    price            TEXT    NOT NULL,
    currency         TEXT    NOT NULL,
    source           TEXT    NOT NULL,
    observed_at      BIGINT  NOT NULL,
    market_time      BIGINT  NOT NULL,
    previous_close   TEXT    NOT NULL,
    previous_date    BIGINT  NOT NULL,
    fallback         BOOLEAN NOT NULL,
    held_price       TEXT    NOT NULL,
    held_source      TEXT    NOT NULL,
    held_observed_at BIGINT  NOT NULL,
    held_market_time BIGINT  NOT NULL,
    held_reason      TEXT    NOT NULL
) /* by key */;

CREATE INDEX marks_sequence ON marks (sequence);

CREATE TABLE bars (
    instrument TEXT   NOT NULL,
    year       BIGINT NOT NULL,
    body       BYTEA  NOT NULL,
    PRIMARY KEY (instrument, year)
) /* by key */;
