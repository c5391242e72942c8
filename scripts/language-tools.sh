#!/bin/sh
# Installs what turns C, Python and JavaScript into WASM components, and an MPI library, into target/tools, for tests:
#
#   scripts/language-tools.sh
#
# A C compiler (zig), componentize-py and MPICH from PyPI, componentize-qjs from npm. Nothing else is touched. Without
# python3 or npm their part is left out with a message; the tests then say what they skip. What is there already is not
# installed again.
set -eu
cd "$(dirname "$0")/.."

tools=target/tools
say() { printf 'language-tools: %s\n' "$*" >&2; }

mkdir -p "$tools"
if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
    say "no python3 with venv: C and Python plugins are left out"
elif ! [ -x "$tools/venv/bin/componentize-py" ] || ! "$tools/venv/bin/python3" -m ziglang version >/dev/null 2>&1; then
    say "downloading zig and componentize-py, which build the tests' plugins in C and Python: 510 MB by pip to $tools"
    python3 -m venv "$tools/venv"
    "$tools/venv/bin/pip" install --quiet --disable-pip-version-check componentize-py==0.25.1 ziglang==0.17.1 ||
        say "pip install failed: C and Python plugins are left out"
fi

if ! [ -x "$tools/venv/bin/mpirun" ] && [ -x "$tools/venv/bin/pip" ]; then
    say "downloading MPICH, whose mpirun starts the ranks of the tests: 13 MB by pip to $tools"
    "$tools/venv/bin/pip" install --quiet --disable-pip-version-check mpich==5.0.2 ||
        say "pip install failed: tests with several ranks are left out"
fi

if ! command -v npm >/dev/null 2>&1 || ! command -v node >/dev/null 2>&1; then
    say "no node and npm: JavaScript plugins are left out"
elif ! [ -x "$tools/node_modules/.bin/componentize-qjs" ]; then
    say "downloading componentize-qjs, which builds those in JavaScript: 38 MB by npm, into $tools"
    printf '{ "private": true }\n' > "$tools/package.json"
    npm install --prefix "$tools" --silent --no-audit --no-fund componentize-qjs@0.4.5 ||
        say "npm install failed: JavaScript plugins are left out"
fi
