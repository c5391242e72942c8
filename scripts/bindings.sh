#!/usr/bin/env bash
# Writes the SDK's bindings for WASM, plugin-sdk/src/wasm/generated/, from plugin-sdk/wit/plugin.wit. Run it when that
# file changed:
#
#   scripts/bindings.sh           writes them
#   scripts/bindings.sh --check   fails where they are not what it would write
#
# They are kept because the macro that could write them instead, wit_bindgen::generate!, is half of what a plugin's
# author waits for. The generator, wit-bindgen-cli from crates.io, is compiled into target/tools once.
set -euo pipefail
cd "$(dirname "$0")/.."

case ${1:-} in
    '' | --check) ;;
    *) printf 'bindings: unknown argument %s; expected --check\n' "$1" >&2; exit 2 ;;
esac

version=0.61.1 # that of wit-bindgen in Cargo.toml
tool=target/tools/bin/wit-bindgen
if [ "$("$tool" --version 2>/dev/null)" != "wit-bindgen-cli $version" ]; then
    printf 'bindings: compiling wit-bindgen-cli %s into target/tools, for 2 minutes\n' "$version" >&2
    cargo install --quiet --locked --force --root target/tools --version "$version" wit-bindgen-cli \
        --no-default-features --features rust
fi

kept=plugin-sdk/src/wasm/generated
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/shared/deps" "$work/generated"
cp -r plugin-sdk/wit "$work/shared/deps/plugin"
package=$(sed -n 's/^package \(.*\)@\(.*\);/\1 \2/p' plugin-sdk/wit/plugin.wit)
read -r name at <<< "$package"

# The types that all worlds share are generated once.
cat > "$work/shared/shared.wit" << WIT
package trainyard:shared;
world shared {
  import $name/types@$at;
  import $name/log@$at;
}
WIT
generate() { # world, wit, the module's name, options
    "$tool" rust --format "$2" --world "$1" --out-dir "$work" "${@:4}" 2> "$work/log" || { cat "$work/log" >&2; exit 1; }
    mv "$work/${1//-/_}.rs" "$work/generated/$3.rs"
}
generate shared "$work/shared" shared --generate-all --generate-unused-types
with=$name/types@$at=crate::wasm::types,$name/log@$at=crate::wasm::log
world() {
    generate "$1" plugin-sdk/wit "$2" --pub-export-macro --with "$with" "${@:3}"
}
world tokenizer tokenizer
world filter filter
world measured-filter measured_filter
world loss loss
world metric metric
# every text metric has the functions of the abilities: the identity says which a host may ask for
world extended-text-metric text_metric
world model model --generate-all

{
    printf '//! The worlds of `wit/plugin.wit`, as `scripts/bindings.sh` writes them. Not for hand edits.\n'
    printf '//!\n//! Written from the file whose sha256 is\n//! %s.\n\n' \
        "$(sha256sum plugin-sdk/wit/plugin.wit | cut -d ' ' -f 1)"
    for file in "$work"/generated/*.rs; do
        printf '#[rustfmt::skip]\npub mod %s;\n' "$(basename "$file" .rs)"
    done
} > "$work/mod.rs"
mv "$work/mod.rs" "$work/generated"

if [ "${1:-}" = --check ]; then
    diff --recursive "$kept" "$work/generated" > /dev/null || {
        printf 'bindings: %s is not what plugin-sdk/wit/plugin.wit gives: run scripts/bindings.sh\n' "$kept" >&2
        exit 1
    }
else
    rm -rf "$kept"
    mkdir -p "$(dirname "$kept")"
    mv "$work/generated" "$kept"
fi
