#!/usr/bin/env bash
# Runs every fuzz test for a while, those of numbers, cases and activities for ten minutes. usage: scripts/fuzz.sh [TIME EACH]
set -euo pipefail
cd "$(dirname "$0")/.."

go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./... | while read -r package; do
  { go test -list '^Fuzz' "$package" </dev/null | grep '^Fuzz' || true; } | while read -r name; do
    case $name in
      FuzzParse | FuzzEvaluate | FuzzActivities) each=${1:-10m} ;;
      *) each=${1:-60s} ;;
    esac
    echo "== $package $name for $each"
    # Without a bound, making one finding smaller may take all of the time.
    go test -run '^$' -fuzz "^$name\$" -fuzztime "$each" -fuzzminimizetime 100x "$package" </dev/null
  done
done
