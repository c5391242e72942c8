#!/usr/bin/env bash
# Fuzzes every target of tests/fuzz/targets.rs under libFuzzer, guided by coverage:
#
#   scripts/fuzz.sh                     ten minutes of processor time each
#   SECONDS_EACH=60 scripts/fuzz.sh config graph
#
# A crash, an input that takes 10 s, or one that takes 1 GB ends it; the input is then in target/fuzz/. Time is that of
# the processor, so that a busy machine fuzzes as much, and finds no hang where there is none. Corpora grow in
# target/fuzz/corpus/. Builds with the ordinary compiler: coverage needs no nightly as long as there is no sanitizer.
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${SECONDS_EACH:-600}
targets=("$@")
if [ "${#targets[@]}" -eq 0 ]; then
    targets=(config tokenizer shard manifest identity graph parquet gguf safetensors hugging-face)
fi

# the versions that the program is built with
cp Cargo.lock tests/fuzz/guided/Cargo.lock
host=$(rustc -vV | sed -n 's/^host: //p')
# only code under --target gets the flags: build scripts and macros have no fuzzer to count for
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares" \
    cargo build --release --quiet --manifest-path tests/fuzz/guided/Cargo.toml --target "$host" \
    --target-dir target/fuzz/build
program=$PWD/target/fuzz/build/$host/release/trainyard-fuzz

# The target for at most so many seconds of processor time, with further arguments; 152 when they are used up (SIGXCPU).
fuzz() {
    local target=$1 seconds=$2
    shift 2
    (
        ulimit -c 0
        ulimit -S -t "$seconds"
        FUZZ_TARGET=$target exec "$program" -rss_limit_mb=1024 -artifact_prefix="target/fuzz/$target-" "$@"
    ) >> "target/fuzz/$target.log" 2>&1
}

fail() {
    tail -n 30 "target/fuzz/$1.log"
    printf 'fuzz: %s failed; its input is %s\n' "$1" "$2"
    exit 1
}

for target in "${targets[@]}"; do
    corpus=target/fuzz/corpus/$target
    mkdir -p "$corpus"
    rm -f target/fuzz/"$target"-slow-unit-*
    printf 'fuzz: %s for %s s of processor time\n' "$target" "$seconds"
    : > "target/fuzz/$target.log"
    status=0
    # without bash's note that the time is used up
    { fuzz "$target" "$seconds" "$corpus" "tests/fuzz/seeds/$target" -max_len=65536 -timeout=100 \
        -report_slow_units=10; } 2> /dev/null || status=$?
    [ "$status" -eq 152 ] || fail "$target" "target/fuzz/$target-*"
    grep '^#' "target/fuzz/$target.log" | tail -n 1
    # slow on the clock; a hang if it is slow on the processor, too
    for input in target/fuzz/"$target"-slow-unit-*; do
        [ ! -e "$input" ] || fuzz "$target" 10 "$input" || fail "$target" "$input"
    done
done
