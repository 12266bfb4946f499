-- Market data is public: the same for all, and not sealed. Who holds an instrument is nowhere; how many do, is.

CREATE TABLE instruments (
    id       TEXT NOT NULL PRIMARY KEY,
    symbol   TEXT NOT NULL,
    mic      TEXT NOT NULL,
    isin     TEXT NOT NULL,
    name     TEXT NOT NULL,
    currency TEXT NOT NULL,
    class    TEXT NOT NULL,
    sector   TEXT NOT NULL,
    country  TEXT NOT NULL,
    names    TEXT NOT NULL,
    search   TEXT NOT NULL
) /* by key */;

CREATE INDEX instruments_symbol ON instruments (symbol, mic);
CREATE INDEX instruments_isin ON instruments (isin) WHERE isin <> '';

CREATE TABLE instrument_interest (
    instrument TEXT   NOT NULL PRIMARY KEY,
    holders    BIGINT NOT NULL
) /* by key */;
