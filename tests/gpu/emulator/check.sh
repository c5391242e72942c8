#!/bin/sh
# Builds the emulated libraries and checks them and emulated.h: seconds, g++ only.
#     tests/gpu/emulator/check.sh
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$here/build.sh" "$folder"
flags="-std=c++17 -O2 -Wall -Wextra -pthread"
${CXX:-g++} $flags -Wno-unused-value -DTRAINYARD_EMULATED -I"$here" "$here/checks/language.cpp" -o "$folder/language"
${CXX:-g++} $flags "$here/checks/driver.cpp" -o "$folder/driver" \
    -L"$folder" -l:libcuda.so.1 -l:libcublasLt.so.13 -l:libnvrtc.so.13 -Wl,-rpath,"$folder"
for order in mixed rising falling; do
    TRAINYARD_EMULATOR_ORDER=$order "$folder/language"
done
"$folder/driver"
