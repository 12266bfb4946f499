#!/usr/bin/env bash
# Runs every fuzz test for a while. usage: scripts/fuzz.sh [TIME EACH]
set -euo pipefail
cd "$(dirname "$0")/.."

each=${1:-60s}
go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | while read -r package; do
  { go test -list '^Fuzz' "$package" </dev/null | grep '^Fuzz' || true; } | while read -r name; do
    echo "== $package $name for $each"
    go test -run '^$' -fuzz "^$name\$" -fuzztime "$each" "$package" </dev/null
  done
done
