#!/bin/sh
# Builds everything that the checks on a GPU need, and packs it for a machine with a GPU but without Rust:
#
#   scripts/gpu-bundle.sh        target/gpu-bundle/ and target/gpu-bundle.tar.xz
#
# In it are the program, the integration tests, plugins as components, configs, the corpus, and tests/gpu/run.sh, which
# runs it all (tests/gpu/README.md). Folders are those of the repository, so that relative paths stay what they are.
set -eu
cd "$(dirname "$0")/.."

bundle=target/gpu-bundle
limit=64 # MiB of the archive: what small machines take at once
plugins="gopher-quality bpe cross-entropy bits-per-byte token-accuracy focal label-smoothing z-loss"

say() { printf 'gpu-bundle: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

home=$(scripts/cuda-home.sh)
eval "$home"
make cuda wasm-target
for plugin in $plugins; do target/release/trainyard-cuda plugin build --wasm "plugins/$plugin"; done
# cargo says where the tests are
tests=$(cargo test --release --no-run -p trainyard-tests --features cuda --test trainyard --message-format=json |
    sed -n 's/.*"name":"trainyard".*"test":true.*"executable":"\([^"]*\)".*/\1/p' | tail -n 1)
[ -x "$tests" ] || fail "the tests did not build"

rm -rf "$bundle" "$bundle.tar.xz"
mkdir -p "$bundle/target/release" "$bundle/target/plugins" "$bundle/tests/gpu" "$bundle/tests/golden" \
    "$bundle/tests/peers"
cp -r configs corpus "$bundle/"
cp target/release/trainyard-cuda "$bundle/target/release/"
cp "$tests" "$bundle/tests/gpu/trainyard-tests"
strip "$bundle/target/release/trainyard-cuda" "$bundle/tests/gpu/trainyard-tests"
for plugin in $plugins; do
    [ -f "target/plugins/$plugin.wasm" ] || fail "target/plugins/$plugin.wasm: not found; make plugins builds it"
    cp "target/plugins/$plugin.wasm" "$bundle/target/plugins/"
done
cp tests/gpu/run.sh tests/gpu/train_checks.py tests/gpu/README.md "$bundle/tests/gpu/"
cp tests/golden/*.json tests/golden/*.toml "$bundle/tests/golden/"
cp tests/peers/torch_gpt_cuda.py tests/peers/torch_gpt_cuda_worker.py "$bundle/tests/peers/"
{
    git describe --always --dirty 2>/dev/null || echo "no git"
    rustc --version
    "$CUDA_HOME/bin/nvcc" --version | grep release
} > "$bundle/version"

tar -C target -cf - gpu-bundle | xz -6 -T0 > "$bundle.tar.xz"
size=$(wc -c < "$bundle.tar.xz")
say "$bundle.tar.xz: $((size >> 20)) MiB of at most $limit"
[ "$size" -le $((limit << 20)) ] || fail "$bundle.tar.xz is larger than $limit MiB; leave something out"
