#!/bin/sh
# Makes the plugins under tests/compat/CONTRACT/, which later hosts must load. Run when a contract is published, and
# when a kind is added to it; what was made is never made again, or it would prove nothing.
#
#   scripts/compat-plugins.sh
#
# Needs what `trainyard plugin build` needs for WASM, and a C compiler for x86-64 Linux.
set -eu

cd "$(dirname "$0")/.."
contract=$(sed -n 's/^pub const CONTRACT: (u32, u32) = (\([0-9]*\), \([0-9]*\));$/\1.\2/p' plugin-sdk/src/identity.rs)
kept=tests/compat/$contract
mkdir -p "$kept"

cargo build --release --package trainyard
trainyard=target/release/trainyard
# small rather than fast
export CARGO_PROFILE_PLUGIN_STRIP=symbols CARGO_PROFILE_PLUGIN_OPT_LEVEL=s
for plugin in byte length cross-entropy token-accuracy distinct-n gpt2 t5; do
    [ ! -e "$kept/$plugin.wasm" ] || continue
    "$trainyard" plugin build "plugins/$plugin" --wasm
    cp "target/plugins/$plugin.wasm" "$kept/"
done

# native ones in C, from the templates
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for kind in tokenizer filter loss metric text-metric model; do
    [ ! -e "$kept/compat-$kind.so" ] || continue
    symbol=trainyard_plugin_v0_compat_$(printf %s "$kind" | tr - _)
    identity="trainyard-plugin\\t1\\nkind\\t$kind\\nname\\tcompat-$kind\\nversion\\t1.0.0\\n"
    identity="${identity}contract\\t$contract\\nsdk\\t$contract.0\\n"
    cc -std=c11 -Os -fPIC -shared -s -Wall -Wextra -Iplugin-sdk/include "-DTRAINYARD_SYMBOL=$symbol" \
        "-DTRAINYARD_IDENTITY=\"$identity\"" -o "$kept/compat-$kind.so" "host/templates/c/$kind.c"
done

cargo test --release --package trainyard-tests --test trainyard -- --ignored freeze
ls -l "$kept"
