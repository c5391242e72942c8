#!/bin/bash
# All checks that need a GPU, on a machine without Rust, in less than nine minutes:
#
#   tests/gpu/run.sh [BUNDLE] [PHASE ...]
#
# BUNDLE is what scripts/gpu-bundle.sh made, the folder or the archive; without it, the one that this script lies in, or
# target/gpu-bundle.tar.xz. Phases: parity, step, wasm, torch, f32, bf16, determinism, exchange, component, generate;
# without names, all. A phase that fails or takes too long does not stop the others. Results are printed as they come,
# a table at the end; all of it goes to the folder $OUT, `gpu-results` when not set.
#
# Needed: a driver for CUDA 13, libcublasLt and libnvrtc of CUDA 13 where docs/gpu.md says, python3 of 3.11 or newer;
# PyTorch with CUDA for the phase `torch`. BUDGET is the time for everything in seconds. DEVICE=cpu, or the environment
# of the emulator (tests/gpu.rs), tries this script without a GPU.
set -uo pipefail

BUDGET=${BUDGET:-500}
DEVICE=${DEVICE:-cuda:0}
OUT=${OUT:-gpu-results}
ALL=(parity step wasm torch f32 bf16 determinism exchange component generate)
SECONDS=0

fail() { printf 'gpu: %s\n' "$*" >&2; exit 2; }

mkdir -p "$OUT" || fail "$OUT: cannot be made"
OUT=$(cd "$OUT" && pwd)
: > "$OUT/log.txt"
say() { printf '%s\n' "$*" | tee -a "$OUT/log.txt"; }

# ------------------------------------------------------------------------------------------------- bundle and phases

here=$(cd "$(dirname "$0")" && pwd)
bundle=
if [ $# -gt 0 ] && [ -e "$1" ]; then
    bundle=$1
    shift
elif [ -x "$here/trainyard-tests" ]; then
    bundle=$here/../..
else
    bundle=$here/../../target/gpu-bundle.tar.xz
    [ -e "$bundle" ] || fail "no bundle; scripts/gpu-bundle.sh makes one, give its path"
fi
phases=("$@")
[ ${#phases[@]} -gt 0 ] || phases=("${ALL[@]}")
for phase in "${phases[@]}"; do
    [[ " ${ALL[*]} " == *" $phase "* ]] || fail "$phase: no such file or phase; phases are ${ALL[*]}"
done

scratch=$(mktemp -d) || fail "no temporary folder"
trap 'rm -rf "$scratch"' EXIT
trap 'exit 1' INT TERM
if [ -f "$bundle" ]; then
    # Python reads xz where the machine has no xz
    tar -xJf "$bundle" -C "$scratch" 2>/dev/null || python3 -m tarfile -e "$bundle" "$scratch" ||
        fail "$bundle: cannot be unpacked"
    bundle=$scratch/gpu-bundle
fi
bundle=$(cd "$bundle" && pwd)
program=$bundle/target/release/trainyard-cuda
[ -x "$program" ] || fail "$program: not found; this is no bundle"
# for the tests, which look for files and the program
export CARGO_MANIFEST_DIR=$bundle/tests TRAINYARD_PROGRAM=$program TRAINYARD_TEST_DEVICE=$DEVICE
export PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1

# ------------------------------------------------------------------------------------------------------- the machine

say "gpu: $(tr '\n' ';' < "$bundle/version")"
if gpus=$(nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader 2>&1); then
    say "gpu: ${gpus//$'\n'/; }"
elif [ "$DEVICE" = cpu ] || [ -n "${TRAINYARD_CUDA_KERNELS:-}" ]; then
    say "gpu: no GPU but the CPU or the emulator: this tries the script and checks no GPU"
else
    fail "nvidia-smi found no GPU: ${gpus##*: }"
fi
python3 -c 'import sys, tomllib; print("gpu: Python", *sys.version_info[:3])' 2>&1 | tail -n 1 | tee -a "$OUT/log.txt"
say "gpu: $(ldd --version 2>&1 | head -n 1); $(nproc) cores; $(uname -sr)"

# ------------------------------------------------------------------------------------------------------- one phase

rows=()
failures=0

# phase NAME LIMIT COMMAND ...
phase() {
    local name=$1 limit=$2 begun=$SECONDS left=$((BUDGET - SECONDS)) code result
    shift 2
    [[ " ${phases[*]} " == *" $name "* ]] || return 0
    if [ "$left" -lt 10 ]; then
        rows+=("| $name | skipped: no time left | |")
        failures=$((failures + 1))
        return 0
    fi
    [ "$limit" -le "$left" ] || limit=$left
    say ""
    say "== $name, at most $limit s"
    timeout -k 5 "$limit" "$@" 2>&1 | tee "$scratch/$name.txt" | tee -a "$OUT/log.txt"
    code=${PIPESTATUS[0]}
    case $code in
        0) result=ok ;;
        124 | 137) result="FAILED: more than $limit s" ;;
        *) result="FAILED: code $code" ;;
    esac
    # a filter that meets no test is no success
    if [ "$name" = parity ] && [ "$code" = 0 ]; then
        result=$(grep -o 'ok\. [0-9]* passed' "$scratch/$name.txt" || echo none)
        [[ "$result" == "ok. "[1-9]* ]] || { result="FAILED: no test was run"; code=1; }
    fi
    [ "$code" = 0 ] || failures=$((failures + 1))
    rows+=("| $name | $result | $((SECONDS - begun)) |")
}

table() {
    {
        echo
        echo "| phase | result | seconds |"
        echo "|---|---|---|"
        printf '%s\n' "${rows[@]}"
        echo
        for name in "${ALL[@]}"; do
            grep -hE '^(check: |\||(model|step|time|speed|memory) )' "$scratch/$name.txt" 2>/dev/null && echo
        done
    } > "$OUT/summary.md"
    tee -a "$OUT/log.txt" < "$OUT/summary.md"
    rm -rf "$scratch"
}
trap table EXIT

bench() {
    local case=$1 vocab=$2
    "$program" bench step "$bundle/configs/$case.toml" --vocab "$vocab" --set "train.device=$DEVICE" \
        --warmup 5 --steps 20
}
steps() { bench gpt2-124m 50257 && bench gpt2-124m 50304 && bench llama-350m 32000; }
export -f bench steps
export program bundle DEVICE

peers() { # MODE JSON ARGUMENT ...
    local mode=$1 json=$2
    shift 2
    printf '%s\0' python3 "$bundle/tests/peers/torch_gpt_cuda.py" "$mode" --set "train.device=$DEVICE" \
        --device "$DEVICE" --json "$OUT/$json" "$@"
}
training() { printf '%s\0' python3 "$bundle/tests/gpu/train_checks.py" "$bundle" "$scratch/runs" "$1"; }
# phase_of NAME LIMIT FUNCTION ARGUMENT ...: the function prints the command
phase_of() {
    local name=$1 limit=$2 command
    shift 2
    mapfile -d '' command < <("$@")
    phase "$name" "$limit" "${command[@]}"
}

# ------------------------------------------------------------------------------------------------------- all phases

cd "$scratch" || exit 2
# parity first, then the figures; what trains a whole model comes last, and each check of it has little time
phase parity 150 "$bundle/tests/gpu/trainyard-tests" ops:: loss:: model:: training:: \
    --skip compat:: --skip hostile:: --skip gpu::
phase step 60 bash -c steps
phase_of wasm 40 peers wasm wasm.json --rounds 3 --cases gpt2-124m
if python3 -c 'import torch' 2>/dev/null; then
    phase_of torch 200 peers speed speed.json --rounds 3 --modes sdpa,compile
elif [[ " ${phases[*]} " == *" torch "* ]]; then
    rows+=("| torch | skipped: python3 has no PyTorch | |")
fi
for check in f32 bf16 determinism exchange component generate; do phase_of "$check" 40 training "$check"; done
exit $((failures > 0))
