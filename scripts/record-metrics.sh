#!/usr/bin/env bash
# Records deploy/prometheus/testdata anew from a real node, healthy and in trouble, and makes promtool's tests of it. Takes 8 minutes.
set -euo pipefail
cd "$(dirname "$0")/.."

go build -o .cache/withpg ./internal/pgtest/withpg
PGTEST_REQUIRED=1 .cache/withpg go test -count=1 -timeout 20m ./internal/app -run '^TestRecordedMetricsAreANodes$' -record
