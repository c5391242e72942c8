#!/bin/sh
# Makes the Rust target wasm32-unknown-unknown available on a machine whose toolchain lacks it and has no rustup.
#
#   scripts/wasm-target.sh
#
# 1. The toolchain has the target (by rustup or a distribution's package): nothing is done.
# 2. Debian and its kin: their compiler is unpacked, not installed, into a private directory, with the source of its own
#    standard library, which is then built for the target: 140 MB to download, about a minute.
# 3. Otherwise a message says what to do.
#
# `trainyard plugin build` finds the directory by itself. Its compiler is used for WASM plugins and nothing else: the
# two compilers do not read each other's libraries. Run it again after an upgrade of Rust: what is done is not done
# twice.
set -eu

target=wasm32-unknown-unknown
prefix=${XDG_CACHE_HOME:-$HOME/.cache}/trainyard/wasm

say() { printf 'wasm-target: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

command -v rustc >/dev/null 2>&1 || fail "no rustc found; install Rust first (https://rustup.rs)"
if [ -d "$(rustc --print target-libdir --target "$target" 2>/dev/null)" ]; then
    say "this toolchain has $target, nothing to do"
    exit 0
fi

cures="run 'rustup target add $target' if your Rust came from rustup, or install your distribution's package of $target"
for tool in apt-get apt-cache dpkg-deb cargo; do
    command -v "$tool" >/dev/null 2>&1 ||
        fail "this Rust cannot build for $target, and without $tool neither can this script help; $cures"
done

# Debian's compiler has no linker for WASM of its own; the one inside any Rust toolchain does.
lld=$(find "$(rustc --print sysroot)/lib/rustlib" -name rust-lld -type f 2>/dev/null | head -n 1)
[ -n "$lld" ] || lld=$(command -v rust-lld || command -v wasm-ld || true)
[ -n "$lld" ] || fail "no WASM linker found (rust-lld or wasm-ld); install the package lld"

std_built() { ls "$prefix/tree/usr/lib/rustlib/$target/lib/"libstd-*.rlib >/dev/null 2>&1; }

unpack() {
    # rustc-web follows the stable releases closely; rustc is what every Debian has
    policy() { apt-cache madison "$1" 2>/dev/null | awk 'NR == 1 { print $3 }'; }
    flavour=-web
    say "plugins are compiled to WebAssembly, for which this Rust has no standard library"
    say "downloading a compiler that builds one, and its source: 140 MB by apt-get, into $prefix; nothing is installed"
    # Old package lists name packages that are no longer there, and fresh machines have none.
    if [ "$(id -u)" = 0 ]; then
        say "fetching package lists"
        apt-get update >&2 || say "apt-get update failed, trying with the lists there are"
    elif [ -z "$(policy rustc)" ]; then
        fail "apt has no package lists, and fetching them needs root (apt-get update); $cures"
    fi
    version=$(policy rustc-web)
    if [ -z "$version" ]; then
        flavour=
        version=$(policy rustc)
    fi
    [ -n "$version" ] || fail "apt knows no rustc; $cures"
    upstream=${version%%[+-]*}
    needed=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$(dirname "$0")/../Cargo.toml")
    [ "$(printf '%s\n' "$needed" "$upstream" | sort -V | head -n 1)" = "$needed" ] ||
        fail "apt offers rustc $upstream, $needed or newer is needed; $cures"

    # Compiler, its library and the library's source must have exactly one version.
    runtime=libstd-rust$flavour-${upstream%.*}
    llvm=$(apt-cache depends "$runtime=$version" 2>/dev/null | awk '/Depends: libllvm/ { print $2; exit }')
    mkdir -p "$prefix/debs"
    say "downloading rustc $upstream"
    (
        cd "$prefix/debs"
        # shellcheck disable=SC2086 # llvm may be empty
        apt-get download "rustc$flavour=$version" "rust$flavour-src=$version" "libstd-rust$flavour-dev=$version" \
            "$runtime=$version" $llvm >&2
    ) || fail "apt-get download failed; $cures"

    rm -rf "$prefix/tree"
    mkdir -p "$prefix/tree"
    # of the source only the standard library's: all of it is 400 MB
    for deb in "$prefix"/debs/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" |
            tar -x -C "$prefix/tree" --anchored --no-wildcards-match-slash \
                --exclude='./usr/src/rustc-*/src' --exclude='./usr/src/rustc-*/compiler'
    done
    rm -rf "$prefix/debs"
    # the compiler looks for its libraries beside itself, Debian keeps them one directory deeper
    for library in "$prefix"/tree/usr/lib/*-linux-gnu*/*.so*; do
        ln -sf "${library#"$prefix/tree/usr/lib/"}" "$prefix/tree/usr/lib/"
    done
    printf '%s\n' "$upstream" > "$prefix/version"
}

build_std() {
    source=$prefix/tree/usr/src/rustc-$(cat "$prefix/version")/library
    out=$prefix/tree/usr/lib/rustlib/$target/lib
    say "building the standard library for $target: about a minute"
    # the flags with which the standard library is always built; a panic ends a component, so nothing unwinds
    unset RUSTC_WORKSPACE_WRAPPER # clippy in place of the compiler is another compiler
    RUSTC_BOOTSTRAP=1 RUSTC=$prefix/bin/rustc CARGO_TARGET_DIR=$prefix/build __CARGO_DEFAULT_LIB_METADATA=stablestd \
        RUSTFLAGS="-Zforce-unstable-if-unmarked -Cembed-bitcode=yes -Cdebuginfo=0" \
        cargo build --quiet --release --locked --target "$target" --manifest-path "$source/std/Cargo.toml" -p std \
        --features compiler-builtins-mem >&2 ||
        fail "the standard library did not build; $cures"
    mkdir -p "$out"
    cp "$prefix/build/$target/release/deps/"*.rlib "$out/"
    rm -rf "$prefix/build"
}

mkdir -p "$prefix/bin"
[ -x "$prefix/tree/usr/bin/rustc" ] && [ -f "$prefix/version" ] || unpack
cat > "$prefix/bin/rustc" <<WRAPPER
#!/bin/sh
LD_LIBRARY_PATH=$prefix/tree/usr/lib exec $prefix/tree/usr/bin/rustc "\$@"
WRAPPER
chmod +x "$prefix/bin/rustc"
ln -sf "$lld" "$prefix/bin/rust-lld"
std_built || build_std
say "ready in $prefix"
