#!/usr/bin/env bash
# Prints the path of promtool for the tests of the alerting rules, after unpacking Debian's package into .tools where there is none: that
# needs no root. All else goes to standard error; exits 1 where there is none to be had.
set -euo pipefail
cd "$(dirname "$0")/.."

unpacked=$PWD/.tools/prometheus/usr/bin/promtool
if command -v promtool; then exit; fi
if [ -x "$unpacked" ]; then echo "$unpacked" && exit; fi
if command -v apt-get >/dev/null && command -v dpkg >/dev/null; then
  echo 'unpacking promtool for the tests from the package prometheus' >&2
  into=$(mktemp -d)
  trap 'rm -rf "$into"' EXIT
  if (cd "$into" && apt-get download -q prometheus) >&2 && dpkg -x "$into"/prometheus_*.deb "$into/x" >&2; then
    mkdir -p "$(dirname "$unpacked")"
    mv "$into/x/usr/bin/promtool" "$unpacked"
    echo "$unpacked" && exit
  fi
fi
exit 1
