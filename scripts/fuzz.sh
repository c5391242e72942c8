#!/usr/bin/env bash
# Fuzzes every target of tests/fuzz/targets.rs under libFuzzer, guided by coverage:
#
#   scripts/fuzz.sh                     ten minutes each
#   SECONDS_EACH=60 scripts/fuzz.sh config graph
#
# A crash, an input that takes 10 s, or one that takes 1 GB ends it; the input is then in target/fuzz/. Corpora grow in
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

for target in "${targets[@]}"; do
    corpus=target/fuzz/corpus/$target
    mkdir -p "$corpus"
    printf 'fuzz: %s for %s s\n' "$target" "$seconds"
    log=target/fuzz/$target.log
    FUZZ_TARGET=$target "$program" "$corpus" "tests/fuzz/seeds/$target" -max_total_time="$seconds" -timeout=10 \
        -rss_limit_mb=1024 -max_len=65536 -artifact_prefix="target/fuzz/$target-" > "$log" 2>&1 ||
        { tail -n 30 "$log"; printf 'fuzz: %s failed; its input is target/fuzz/%s-*\n' "$target" "$target"; exit 1; }
    tail -n 1 "$log"
done
