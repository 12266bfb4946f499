-- What companies did with their shares, and how far the history of each instrument is known. wanted_from is the month of the
-- first day that anybody asked for: no more is kept of who held what when. silent is the days on which no source has a close.

CREATE TABLE corporate_actions (
    instrument  TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    day         BIGINT NOT NULL,
    pay_day     BIGINT NOT NULL,
    new_shares  TEXT   NOT NULL,
    old_shares  TEXT   NOT NULL,
    amount      TEXT   NOT NULL,
    currency    TEXT   NOT NULL,
    source      TEXT   NOT NULL,
    observed_at BIGINT NOT NULL,
    PRIMARY KEY (instrument, kind, day)
) /* by key */;

CREATE TABLE backfills (
    instrument   TEXT   NOT NULL PRIMARY KEY,
    wanted_from  BIGINT NOT NULL,
    state        TEXT   NOT NULL,
    source       TEXT   NOT NULL,
    first_day    BIGINT NOT NULL,
    last_day     BIGINT NOT NULL,
    bars         BIGINT NOT NULL,
    outcome      TEXT   NOT NULL,
    tried_at     BIGINT NOT NULL,
    done_at      BIGINT NOT NULL,
    again_at     BIGINT NOT NULL,
    lease_at     BIGINT NOT NULL,
    actions_from BIGINT NOT NULL,
    actions_at   BIGINT NOT NULL,
    silent       TEXT   NOT NULL
) /* by key */;
