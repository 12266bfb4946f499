#!/usr/bin/env bash
# Prints the path of a Chromium for the browser tests, after installing one where there is none. All else goes to standard error.
set -euo pipefail
cd "$(dirname "$0")/.."

find_one() {
  local name
  if [ -n "${CHROMIUM:-}" ]; then
    [ -x "$CHROMIUM" ] && echo "$CHROMIUM" && return
    echo "CHROMIUM=$CHROMIUM is no program" >&2
    exit 1
  fi
  for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name"; then return; fi
  done
  for name in '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome' '/Applications/Chromium.app/Contents/MacOS/Chromium'; do
    if [ -x "$name" ]; then echo "$name" && return; fi
  done
  if [ -d test/browser/node_modules/playwright-core ]; then
    name=$(node -p "require('./test/browser/node_modules/playwright-core').chromium.executablePath()" 2>/dev/null) || return 1
    if [ -x "$name" ]; then echo "$name" && return; fi
  fi
  return 1
}

if find_one; then exit; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo 'installing Chromium for the browser tests with apt-get' >&2
  if apt-get update -q >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends chromium >&2 && find_one; then exit; fi
fi
if command -v npm >/dev/null; then
  echo "installing Chromium for the browser tests with Playwright's own download" >&2
  if [ ! -d test/browser/node_modules ]; then npm ci --prefix test/browser --ignore-scripts >&2; fi
  if (cd test/browser && npx --no-install playwright-core install chromium) >&2 && find_one; then exit; fi
fi
echo 'the browser tests need Chromium: install the package chromium, or set CHROMIUM to the path of Chromium or Chrome' >&2
exit 1
