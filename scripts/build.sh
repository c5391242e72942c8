#!/usr/bin/env bash
# Builds the program, and says before it downloads anything:
#
#   scripts/build.sh              target/release/trainyard
#   scripts/build.sh --wasm       meanwhile also what compiles WASM plugins, where the toolchain lacks it
#   scripts/build.sh --tests      also all tests
set -euo pipefail
cd "$(dirname "$0")/.."

wasm=false tests=false
for argument in "$@"; do
    case $argument in
        --wasm) wasm=true ;;
        --tests) tests=true ;;
        *) printf 'build: unknown argument %s; expected --wasm or --tests\n' "$argument" >&2; exit 2 ;;
    esac
done
say() { printf 'build: %s\n' "$*" >&2; }

host=$(rustc -vV | sed -n 's/^host: //p')
if ! cargo fetch --locked --offline --target "$host" >/dev/null 2>&1; then
    say "downloading the libraries that trainyard is built from: at most $(grep -c '^source = ' Cargo.lock) crates," \
        "60 MB, from crates.io into ${CARGO_HOME:-$HOME/.cargo}"
    cargo fetch --target "$host"
fi
[ -x target/release/trainyard ] || say "compiling trainyard for the first time takes some minutes"

# one core is free while the largest crates are compiled
pid=
if $wasm; then
    scripts/wasm-target.sh &
    pid=$!
    trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true' EXIT
fi
# The tests first: cargo then compiles the program, its tests and theirs side by side.
if $tests; then
    scripts/test.sh --no-run
fi
cargo build --release --package trainyard
if [ -n "$pid" ]; then
    wait "$pid"
    pid=
fi
