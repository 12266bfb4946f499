-- What people sign in with at other services. A link is found by a blind index of issuer and subject; the table subjects only leads
-- from that to an owner. Issuer, subject and the address shown are sealed in the column detail. A session knows the service that it was
-- opened through (empty: here) and whether a second factor was shown there.

CREATE TABLE linked_sign_ins (
    owner         TEXT   NOT NULL,
    subject_index BYTEA  NOT NULL,
    detail        BYTEA  NOT NULL,
    created_at    BIGINT NOT NULL,
    PRIMARY KEY (owner, subject_index)
) /* by key */;

CREATE TABLE subjects (
    subject_index BYTEA NOT NULL PRIMARY KEY,
    owner         TEXT  NOT NULL
) /* by key */;

ALTER TABLE sessions ADD COLUMN service TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN service_factor BIGINT NOT NULL DEFAULT 0;
