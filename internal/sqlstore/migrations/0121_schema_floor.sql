-- Which releases can work on this schema: those that know the step of this number. A later step that takes something away from them raises it,
-- with a line "-- lives with N" of its own; one that only adds leaves it.

CREATE TABLE schema_floor (
    name    TEXT   NOT NULL PRIMARY KEY,
    version BIGINT NOT NULL
) /* by key */;

INSERT INTO schema_floor (name, version) VALUES ('floor', 121);
