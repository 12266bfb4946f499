#!/usr/bin/env bash
# Fails when make generate changes anything. What was changed by hand before stays out of the comparison.
set -euo pipefail
cd "$(dirname "$0")/.."

state() {
  git diff HEAD
  git ls-files --others --exclude-standard -z | sort -z | xargs -0 -r sha256sum
}

before=$(state)
make --no-print-directory generate
if [ "$before" != "$(state)" ]; then
  git status --short
  echo 'generated files are not current: run make generate and commit what it changes'
  exit 1
fi
if command -v npm >/dev/null; then go run ./scripts/notice -check; fi
echo 'generated files are current'
