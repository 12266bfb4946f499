-- When the closes of an instrument changed last, in the numbers of a counter of their own: whoever keeps closes in memory asks what changed
-- since. Releases before this step don't count what they write.

INSERT INTO counters (name, value) VALUES ('closes', 0);

CREATE TABLE series_changes (
    instrument TEXT   NOT NULL PRIMARY KEY,
    sequence   BIGINT NOT NULL
) /* by key */;

CREATE INDEX series_changes_sequence ON series_changes (sequence);
