#!/usr/bin/env bash
# Makes what people install who have no checkout, from the program that is built here:
#
#   scripts/release.sh [DIR]      into DIR, target/dist if not given:
#     trainyard-VERSION-SYSTEM.tar.gz           program, configs, corpus, plugins in both forms, SDK, documentation
#     trainyard-VERSION-SYSTEM-debug.tar.gz     trainyard.debug: with it beside the program, backtraces have names
#     trainyard-VERSION-py3-none-PLATFORM.whl   the same program for pip, with configs, corpus and components
#
# Needs python3 for the wheel and objcopy for the debug file; without them their part is left out with a message. The
# system that it is made on says how old a C library may be that the program runs with.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'release: %s\n' "$*" >&2; }

scripts/build.sh --wasm
target/release/trainyard plugin build plugins/* > /dev/null
if command -v objcopy >/dev/null; then
    scripts/debug-file.sh
else
    say "no objcopy found: the debug file is left out; install binutils"
fi

version=$(target/release/trainyard --version | awk '{ print $2 }')
system=$(rustc -vV | sed -n 's/^host: //p')
mkdir -p "${1:-target/dist}"
out=$(cd "${1:-target/dist}" && pwd)
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
name=trainyard-$version
root=$stage/$name

# Folders are those of the repository, so that the paths in configs stay what they are.
mkdir -p "$root/target/plugins"
cp target/release/trainyard README.md CHANGELOG.md LICENSE-* "$root/"
cp -r configs corpus docs "$root/"
for manifest in plugins/*/Cargo.toml; do
    plugin=$(basename "$(dirname "$manifest")")
    for file in target/plugins/"$plugin".wasm target/plugins/lib"$plugin".*; do
        if [ -f "$file" ]; then cp "$file" "$root/target/plugins/"; fi
    done
done
# as it would be published: a crate of its own, that needs no workspace
cargo package --package trainyard-plugin --offline --no-verify --allow-dirty --quiet --target-dir "$stage/package"
tar -xzf "$stage/package/package/trainyard-plugin-$version.crate" -C "$root"
mv "$root/trainyard-plugin-$version" "$root/plugin-sdk"

pack() { # a folder's file or folder, as an archive that is the same whenever it is made
    tar -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@${SOURCE_DATE_EPOCH:-0}" -cf - "$1" |
        gzip -9n > "$2"
    printf '%s\n' "$2"
}
if command -v python3 >/dev/null; then
    python3 scripts/third_party.py "$root/THIRD-PARTY.txt"
    python3 scripts/wheel.py "$root" "$version" "$out"
else
    say "no python3 found: the wheel, and the licences of the libraries in the program, are left out"
fi
pack "$name" "$out/$name-$system.tar.gz"
if [ -f target/release/trainyard.debug ]; then
    mkdir -p "$stage/debug/$name"
    cp target/release/trainyard.debug "$stage/debug/$name/"
    stage=$stage/debug pack "$name" "$out/$name-$system-debug.tar.gz"
fi
