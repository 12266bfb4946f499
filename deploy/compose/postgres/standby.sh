#!/usr/bin/env bash
# Copies the first server's data once, then follows it. To make it the primary: README.md, "When the first database is gone".
set -euo pipefail
data=/var/lib/postgresql/data
if [ ! -s "$data/PG_VERSION" ]; then
  # An interrupted copy is begun again from nothing; nobody has ever been told that it holds anything.
  find "$data" -mindepth 1 -delete
  pg_basebackup --pgdata="$data" --write-recovery-conf --wal-method=stream --slot=standby --checkpoint=fast \
    --dbname="host=database-1 user=copy application_name=standby sslmode=verify-full sslrootcert=/run/secrets/database-ca.pem passfile=/run/secrets/database-copy-pgpass"
  # What the first server waits for is its own business: this one, once it is the primary, has nobody to wait for yet.
  sed -i '/^synchronous_standby_names/d' "$data/postgresql.auto.conf"
fi
exec postgres -D "$data" -c config_file=/etc/folioscope/postgresql.conf
