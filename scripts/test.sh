#!/usr/bin/env bash
# Runs all tests; arguments are cargo's, such as --no-run.
#
# The host's unit tests are a second copy of the host. It is compiled without optimisation and only where something
# changed, which halves their time; the program that the other tests run is compiled as its users have it.
set -euo pipefail
cd "$(dirname "$0")/.."

host=profile.release.package.trainyard
status=0
cargo test --release --workspace --exclude trainyard --no-fail-fast "$@" || status=$?
cargo test --release --package trainyard --lib --config "$host.opt-level=0" --config "$host.incremental=true" \
    --no-fail-fast "$@" || status=$?
exit "$status"
