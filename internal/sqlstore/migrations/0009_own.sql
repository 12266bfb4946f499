-- What owners keep of prices by themselves: instruments that no source knows, and closes entered by hand. The columns named body are
-- sealed under the owner's key. Which instrument a list of prices is of is sealed with it: lists are told apart by a number.

CREATE TABLE own_instruments (
    owner     TEXT  NOT NULL,
    portfolio TEXT  NOT NULL,
    id        TEXT  NOT NULL,
    body      BYTEA NOT NULL,
    PRIMARY KEY (owner, portfolio, id)
) /* by key */;

CREATE TABLE own_prices (
    owner     TEXT   NOT NULL,
    portfolio TEXT   NOT NULL,
    list      BIGINT NOT NULL,
    body      BYTEA  NOT NULL,
    PRIMARY KEY (owner, portfolio, list)
) /* by key */;
