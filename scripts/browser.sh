#!/usr/bin/env bash
# Opens a report and the live page in Chromium: curves drawn, nothing on the console, no request to anywhere, no
# violation that axe finds. Needs node, npm and Chromium, as Debian's packages nodejs, npm and chromium have them.
#
#     scripts/browser.sh [RUN…]        a report of these runs, too
set -euo pipefail
cd "$(dirname "$0")/.."

for tool in node npm; do
    command -v "$tool" >/dev/null || { printf 'browser: needs %s\n' "$tool" >&2; exit 1; }
done
checks=target/tools/browser
mkdir -p "$checks"
cp tests/browser/*.mjs tests/browser/package.json "$checks/"
npm install --prefix "$checks" --no-audit --no-fund --silent
program=target/release/trainyard
page=$checks/page.html
cargo run --release --quiet --package trainyard-page --example page -- "$page"
node "$checks/report.mjs" "$page"
if [ "$#" -gt 0 ]; then
    "$program" report "$@" --out "$page"
    node "$checks/report.mjs" "$page"
fi
WATCH_ARGUMENTS=watch node "$checks/watch.mjs" "$program"
