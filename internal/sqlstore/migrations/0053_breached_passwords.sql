-- When a user's password was found in a list of breached ones at a sign-in; 0: not, or it was changed since.

ALTER TABLE users ADD COLUMN breached_at BIGINT NOT NULL DEFAULT 0;
