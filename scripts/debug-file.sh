#!/usr/bin/env bash
# Makes the names of functions that a backtrace shows, which the program itself does not carry:
#
#   scripts/debug-file.sh     target/release/trainyard, and target/release/trainyard.debug beside it
#
# A program finds the file by its name, in its own folder, and RUST_BACKTRACE=1 then shows names. The two belong
# together; `cargo build` puts a program without that name in its place again.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v objcopy >/dev/null || { printf 'debug-file: no objcopy found; install binutils\n' >&2; exit 1; }
program=target/release/trainyard
# linked once more, with symbols: everything else is built already
cargo rustc --release --package trainyard --bin trainyard -- -C strip=none
objcopy --only-keep-debug "$program" "$program.debug"
objcopy --strip-all --add-gnu-debuglink="$program.debug" "$program" "$program.new"
mv "$program.new" "$program" # cargo's own copy stays as it is
