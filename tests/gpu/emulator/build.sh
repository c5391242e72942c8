#!/bin/sh
# Builds the emulated libraries into a folder: put it first in LD_LIBRARY_PATH. Needs g++ only.
#     tests/gpu/emulator/build.sh FOLDER
set -eu
out=$1
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
flags="-std=c++17 -O2 -g1 -Wall -Wextra -fPIC -shared -fvisibility=hidden -pthread"
${CXX:-g++} $flags -Wl,-soname,libcuda.so.1 -o "$out/libcuda.so.1" "$here"/driver/*.cpp -ldl
${CXX:-g++} $flags -O3 -Wl,-soname,libcublasLt.so.13 -o "$out/libcublasLt.so.13" "$here/cublaslt.cpp" \
    -L"$out" -l:libcuda.so.1 -Wl,-rpath,'$ORIGIN'
${CXX:-g++} $flags -DEMULATOR_FOLDER="\"$here\"" -Wl,-soname,libnvrtc.so.13 -o "$out/libnvrtc.so.13" "$here/nvrtc.cpp"
for library in libcuda.so.1 libcublasLt.so.13 libnvrtc.so.13; do
    ln -sf "$library" "$out/${library%.so.*}.so"
done

# The kernels of the program, for TRAINYARD_CUDA_KERNELS.
kernel_flags="-std=c++17 -O2 -g1 -fPIC -fvisibility=hidden -fno-gnu-unique -pthread -DTRAINYARD_EMULATED -I$here -x c++"
kernel_flags="$kernel_flags -fsanitize=alignment -fsanitize-undefined-trap-on-error"
objects=
for source in "$here"/../../../host/cuda/*.cu; do
    object=$out/$(basename "$source" .cu).o
    ${CXX:-g++} $kernel_flags -c "$source" -o "$object" &
    objects="$objects $object"
done
wait
# shellcheck disable=SC2086 # one word per object
${CXX:-g++} -shared -pthread -o "$out/kernels.so" $objects
rm $objects
