#!/usr/bin/env bash
# Runs once, when the first server's data is made: the owner of the tables, who may copy, and the slot of the standby. From the next start on
# a commit waits until the standby has it.
set -euo pipefail
app=$(</run/secrets/database-app-password)
copy=$(</run/secrets/database-copy-password)
psql --set=ON_ERROR_STOP=1 --set=app="$app" --set=copy="$copy" --username=postgres --dbname=postgres <<'SQL'
CREATE ROLE folioscope LOGIN PASSWORD :'app';
CREATE DATABASE folioscope OWNER folioscope;
REVOKE ALL ON DATABASE folioscope FROM PUBLIC;
CREATE ROLE copy LOGIN REPLICATION PASSWORD :'copy';
SELECT pg_create_physical_replication_slot('standby');
ALTER SYSTEM SET synchronous_standby_names = 'FIRST 1 (standby)';
SQL
