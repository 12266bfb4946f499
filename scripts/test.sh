#!/usr/bin/env bash
# Installs what the tests need and runs them: Go (unit and contract tests on both databases), web, alerting rules, what
# deploy/ ships, browser.
# usage: scripts/test.sh [go|web|rules|deploy|browser|kube]...   (without an argument all but kube, which builds a Kubernetes)
# Ends with one line that sums the suites: "N passed, N failed", and exits 1 when anything failed.
set -euo pipefail
cd "$(dirname "$0")/.."

counts=$PWD/.cache/counts
rm -rf "$counts"
mkdir -p "$counts"
broken=()

# suite NAME COMMAND...: runs one suite, which leaves "passed failed skipped" in $counts/NAME.
suite() {
  local name=$1 started=$SECONDS
  shift
  echo "== $name tests"
  if ! "$@"; then broken+=("$name"); fi
  if [ ! -s "$counts/$name" ]; then
    echo "the $name tests did not run to their end"
    echo "0 1 0" >"$counts/$name"
  elif [[ " ${broken[*]:-} " == *" $name "* ]]; then
    # A suite that failed without a failed test (a broken set-up, no tests at all) counts as one.
    awk '{print $1, ($2 ? $2 : 1), $3}' "$counts/$name" >"$counts/.sum" && mv "$counts/.sum" "$counts/$name"
  fi
  echo "== $name tests took $((SECONDS - started)) s"
}

go_tests() {
  go build -o .cache/withpg ./internal/pgtest/withpg || return 1
  go build -o .cache/testcount ./scripts/testcount || return 1
  if ! .cache/withpg -find; then
    echo 'installing PostgreSQL for the tests from npm'
    npm ci --prefix test/pg --ignore-scripts || return 1
  fi
  PGTEST_REQUIRED=1 .cache/withpg go test -timeout "${GO_TEST_TIMEOUT:-14m}" -json ./... 2>&1 | .cache/testcount "$counts/go"
}

web_tests() {
  if ! command -v npm >/dev/null; then
    echo 'make test needs Node 20 or later for the tests of the dashboard: install nodejs and npm'
    return 1
  fi
  local report=$PWD/.cache/web-tests.json status=0
  rm -f "$report"
  make --no-print-directory web/node_modules/.stamp || return 1
  npm --prefix web test -- --reporter=default --reporter=json --outputFile.json="$report" || status=$?
  node -e '
    const r = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
    console.log(r.numPassedTests, Math.max(r.numFailedTests, r.numFailedTestSuites), r.numPendingTests + r.numTodoTests);
  ' "$report" >"$counts/web"
  return $status
}

# The alerting rules fire, and keep still, on written series (one test for each) and on recorded ones (one for each situation).
rules_tests() {
  local rules=deploy/prometheus promtool tests
  if ! promtool=$(scripts/promtool.sh); then
    echo 'skipped: no promtool'
    echo '0 0 1' >"$counts/rules"
    return
  fi
  tests=$(cat $rules/*.test.yml | grep -cE 'exp_(alerts|samples):')
  if "$promtool" check rules $rules/folioscope.rules.yml && "$promtool" test rules $rules/*.test.yml; then
    echo "$tests 0 0" >"$counts/rules"
  else
    echo '0 1 0' >"$counts/rules"
    return 1
  fi
}

# What deploy/ ships, in a module of its own: Kubernetes, Helm and Compose are no dependencies of the product.
deploy_tests() {
  local promtool
  go build -o .cache/testcount ./scripts/testcount || return 1
  if promtool=$(scripts/promtool.sh); then export PROMTOOL=$promtool; fi
  go -C test/deploy vet ./... || return 1
  go -C test/deploy test -json ./... 2>&1 | .cache/testcount "$counts/deploy"
}

# The chart before a real API server, and its autoscaler before real controllers.
kube_tests() {
  go build -o .cache/testcount ./scripts/testcount || return 1
  KUBE_BIN=$(scripts/kube.sh) || return 1
  export KUBE_BIN
  go -C test/kube vet ./... || return 1
  go -C test/deploy mod download github.com/kedacore/keda/v2 || return 1 # holds the definition of its kind
  go -C test/kube test -timeout 60m -json ./... 2>&1 | .cache/testcount "$counts/kube"
}

browser_tests() {
  local report=$PWD/.cache/browser-tests.tap status=0 timeout=300000
  if [ -n "${FOLIOSCOPE_LONG:-}" ]; then timeout=2400000; fi # one of them waits until a price is stale
  CHROMIUM=$(scripts/chromium.sh) || return 1
  export CHROMIUM
  if [ ! -d test/browser/node_modules ]; then npm ci --prefix test/browser --ignore-scripts || return 1; fi
  node --test --test-concurrency=1 --test-timeout=$timeout \
    --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$report" \
    test/browser/*.test.mjs || status=$?
  awk '/^# pass /{p=$3} /^# fail /{f=$3} /^# cancelled /{c=$3} /^# skipped /{s=$3} END{print p+0, f+c, s+0}' "$report" >"$counts/browser"
  return $status
}

suites=("$@")
if [ ${#suites[@]} -eq 0 ]; then suites=(go web rules deploy browser); fi
for name in "${suites[@]}"; do
  case $name in
    go | web | rules | deploy | browser | kube) suite "$name" "${name}_tests" ;;
    *) echo "usage: scripts/test.sh [go|web|rules|deploy|browser|kube]..." >&2; exit 2 ;;
  esac
done

echo
for name in "${suites[@]}"; do
  read -r p f s <"$counts/$name"
  echo "$name: $p passed, $f failed, $s skipped"
done
awk '{p+=$1; f+=$2; s+=$3} END{printf "%d passed, %d failed", p, f; if (s) printf ", %d skipped", s; print ""}' "$counts"/*
if [ ${#broken[@]} -gt 0 ]; then exit 1; fi
awk '{f+=$2} END{exit f>0}' "$counts"/*
