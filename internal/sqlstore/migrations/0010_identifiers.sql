-- What an instrument is called besides its symbol, ISIN and name: identifiers of other schemes, and what it was called before. And
-- what makes two instruments the same one, so that of two who add it at once one is told that it exists.

ALTER TABLE instruments ADD COLUMN delisted BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE instruments ADD COLUMN delisted_on BIGINT NOT NULL DEFAULT 0;
ALTER TABLE instruments ADD COLUMN version BIGINT NOT NULL DEFAULT 1;

CREATE TABLE instrument_aliases (
    instrument TEXT    NOT NULL,
    scheme     TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    former     BOOLEAN NOT NULL,
    until_on   BIGINT  NOT NULL,
    PRIMARY KEY (instrument, scheme, value)
) /* by key */;

CREATE TABLE instrument_keys (
    key        TEXT NOT NULL PRIMARY KEY,
    instrument TEXT NOT NULL
) /* by key */;

CREATE INDEX instrument_keys_instrument ON instrument_keys (instrument);

INSERT INTO instrument_keys (key, instrument)
SELECT 'listing ' || symbol || ' ' || mic, id FROM instruments WHERE mic <> '' ORDER BY id ON CONFLICT (key) DO NOTHING;

INSERT INTO instrument_keys (key, instrument)
SELECT class || ' ' || symbol || ' ' || currency || ' ', id FROM instruments WHERE mic = '' ORDER BY id ON CONFLICT (key) DO NOTHING;

INSERT INTO instrument_keys (key, instrument)
SELECT 'isin ' || isin || ' ' || mic || ' ' || currency, id FROM instruments WHERE isin <> '' ORDER BY id ON CONFLICT (key) DO NOTHING;
