#!/usr/bin/env bash
# Times the builds that docs/performance.md tells of, in a fresh clone of what is committed here. For an idle machine:
#
#   scripts/build-times.sh train        `make train` until the first loss is on disk, and the size of the program
#   scripts/build-times.sh ci           `.ci/run`
#   scripts/build-times.sh warm         `make test`, after a change of one file of the host; run it after `ci`
#
# The clone lies in target/build-times. Crates are not downloaded again, what compiles WASM plugins is.
set -euo pipefail
cd "$(dirname "$0")/.."

clone=$PWD/target/build-times
fresh() {
    rm -rf "$clone"
    git clone --quiet . "$clone"
    export XDG_CACHE_HOME=$clone/target/cache
}
said() { printf '%s: %d s\n' "$1" "$((SECONDS - start))"; }

case ${1:-} in
    train)
        fresh
        cd "$clone"
        start=$SECONDS
        set -m # so that the whole of it can be ended
        make train > train.log 2>&1 &
        until grep -qs '"loss"' runs/austen/metrics.jsonl; do
            kill -0 $! 2>/dev/null || { tail train.log; exit 1; }
            sleep 1
        done
        said "make train to the first loss"
        kill -- -$!
        printf 'program: %d bytes\n' "$(wc -c < target/release/trainyard)"
        ;;
    ci)
        fresh
        cd "$clone"
        start=$SECONDS
        .ci/run > ci.log 2>&1 || { tail ci.log; exit 1; }
        said ".ci/run"
        ;;
    warm)
        cd "$clone"
        export XDG_CACHE_HOME=$clone/target/cache
        printf '\n// changed\n' >> host/src/feed/mod.rs
        start=$SECONDS
        make test > warm.log 2>&1 || { tail warm.log; exit 1; }
        said "make test after a change of one file"
        ;;
    *)
        printf 'build-times: expected train, ci or warm\n' >&2
        exit 2
        ;;
esac
