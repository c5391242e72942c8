#!/usr/bin/env bash
# The lints of `cargo clippy --release --workspace --all-targets -- -D warnings`, on a machine that checks once:
#
#   scripts/clippy-once.sh
#
# `cargo clippy` first checks all crates that this workspace is built from. Here its own crates are checked against
# what a release build left, and every warning is an error. Nothing is kept: where clippy runs again and again,
# `cargo clippy` is faster.
set -euo pipefail

if [ "${1:-}" != --wrap ]; then
    cd "$(dirname "$0")/.."
    wrapper=$PWD/target/clippy-once # cargo gives a wrapper no arguments of its own
    mkdir -p target
    printf '#!/bin/sh\nexec "%s" --wrap "$@"\n' "$PWD/scripts/clippy-once.sh" > "$wrapper"
    chmod +x "$wrapper"
    RUSTC_WORKSPACE_WRAPPER=$wrapper CLIPPY_ARGS=-Dwarnings__CLIPPY_HACKERY__ \
        exec cargo build --release --workspace --all-targets --quiet
fi

# As cargo's wrapper: --wrap rustc ARGUMENTS
shift
arguments=()
kind=lint
for argument in "$@"; do
    case $argument in
        build_script_build) kind=build ;;
        # what another crate needs to be checked, and no code
        --emit=*) argument=--emit=dep-info,metadata ;;
        # of the workspace's own crates there is no more than that
        *=*.rlib) [ -f "${argument#*=}" ] || argument=${argument%.rlib}.rmeta ;;
    esac
    arguments+=("$argument")
done
if [ $kind = build ]; then
    exec "$@" # it is run
fi
exec clippy-driver "${arguments[@]}"
