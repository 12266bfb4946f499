-- People are looked after one at a time: who changes a role or a status, or erases somebody, raises this counter first, so that no two
-- at once take away the last administrators.

INSERT INTO counters (name, value) VALUES ('people', 0);

CREATE INDEX users_administrators ON users (owner) WHERE role = 'admin';

CREATE INDEX invitations_owner ON invitations (owner);
