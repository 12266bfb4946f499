#!/usr/bin/env bash
# Looks for known vulnerabilities in code that the product calls, in a copy of the Go vulnerability database on this machine.
# usage: scripts/check-vulnerabilities.sh GOVULNCHECK
set -euo pipefail
cd "$(dirname "$0")/.."

archive=${FOLIOSCOPE_REFERENCE:-}/security/vulndb.zip
if [ ! -f "$archive" ]; then
  echo 'vulnerabilities: skipped, there is no offline database (FOLIOSCOPE_REFERENCE names a directory with security/vulndb.zip)'
  exit 0
fi
sum=$(sha256sum "$archive" | cut -c1-16)
database=$PWD/.cache/vulndb-$sum
if [ ! -d "$database" ]; then go run ./scripts/unzip "$archive" "$database"; fi
"$1" -db "file://$database/db" ./...
