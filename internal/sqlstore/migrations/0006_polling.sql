-- What the nodes that ask for prices have to agree on: what was asked for when, which slot of which poll was taken, what is left
-- of each source's quotas, how each source is doing and which names it doesn't have for us, and which prices were held back.

CREATE TABLE instrument_polls (
    instrument TEXT   NOT NULL PRIMARY KEY,
    tried_at   BIGINT NOT NULL,
    settled_at BIGINT NOT NULL
) /* by key */;

CREATE TABLE poll_slots (
    poll     TEXT    NOT NULL PRIMARY KEY,
    slot     BIGINT  NOT NULL,
    lease_at BIGINT  NOT NULL,
    done     BOOLEAN NOT NULL
) /* by key */;

CREATE TABLE source_quotas (
    source      TEXT   NOT NULL PRIMARY KEY,
    minute_ends BIGINT NOT NULL,
    minute_used BIGINT NOT NULL,
    hour_ends   BIGINT NOT NULL,
    hour_used   BIGINT NOT NULL,
    day_ends    BIGINT NOT NULL,
    day_used    BIGINT NOT NULL,
    month_ends  BIGINT NOT NULL,
    month_used  BIGINT NOT NULL
) /* by key */;

CREATE TABLE source_states (
    source    TEXT    NOT NULL PRIMARY KEY,
    failing   BOOLEAN NOT NULL,
    until_at  BIGINT  NOT NULL,
    trial_at  BIGINT  NOT NULL,
    outcome   TEXT    NOT NULL,
    failed_at BIGINT  NOT NULL,
    worked_at BIGINT  NOT NULL
) /* by key */;

CREATE TABLE source_refusals (
    source   TEXT   NOT NULL,
    name     TEXT   NOT NULL,
    outcome  TEXT   NOT NULL,
    until_at BIGINT NOT NULL,
    PRIMARY KEY (source, name)
) /* by key */;

CREATE TABLE quarantine (
    id            BIGINT NOT NULL PRIMARY KEY,
    instrument    TEXT   NOT NULL,
    price         TEXT   NOT NULL,
    currency      TEXT   NOT NULL,
    source        TEXT   NOT NULL,
    observed_at   BIGINT NOT NULL,
    market_time   BIGINT NOT NULL,
    last_price    TEXT   NOT NULL,
    reason        TEXT   NOT NULL,
    state         TEXT   NOT NULL,
    decided_at    BIGINT NOT NULL,
    decided_price TEXT   NOT NULL
) /* by key */;

CREATE INDEX quarantine_waiting ON quarantine (instrument) WHERE state = 'waiting';
CREATE INDEX quarantine_decided ON quarantine (decided_at);

CREATE TABLE calendar_overrides (
    mic     TEXT    NOT NULL,
    day     BIGINT  NOT NULL,
    closed  BOOLEAN NOT NULL,
    opens   BIGINT  NOT NULL,
    closes  BIGINT  NOT NULL,
    note    TEXT    NOT NULL,
    PRIMARY KEY (mic, day)
) /* by key */;
