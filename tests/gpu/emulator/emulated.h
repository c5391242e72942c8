// The CUDA language on a CPU, for tests: host/cuda/common.cuh includes this file where TRAINYARD_EMULATED is defined.
//
//     g++ -std=c++17 -O2 -fPIC -shared -DTRAINYARD_EMULATED -Itests/gpu/emulator -x c++ host/cuda/norm.cu -o norm.so
//
// A kernel becomes `extern "C" void name(void **arguments)`, which does what one thread does. `emulator_launch` runs it
// for all threads of a grid (block.h). What is emulated and what is not: README.md.
#pragma once

// Few headers, and light ones: loss programs are compiled with this file while tests run.
#include <link.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <type_traits>
#include <utility>

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __constant__ static
#define __shared__ static thread_local

// Each module has an emulator of its own: only kernels are visible outside.
#define EMULATOR_HIDDEN __attribute__((visibility("hidden")))
#define EMULATOR_EXPORT __attribute__((visibility("default")))

#include "numbers.h"
#include "fibers.h"
#include "block.h"
#include "warp.h"
#include "tensor_core.h"

// A kernel that the host finds by its name. `...` is what each thread does.
#define KERNEL(name, parameters, ...) KERNEL_BOUNDED(name, emulator::MOST_THREADS, parameters, __VA_ARGS__)
#define KERNEL_BOUNDED(name, threads, parameters, ...) \
    static void name##_thread parameters { __VA_ARGS__; } \
    extern "C" { \
    EMULATOR_EXPORT void name(void **arguments) { emulator::call(name##_thread, arguments); } \
    EMULATOR_EXPORT extern const emulator::Properties name##_properties; \
    const emulator::Properties name##_properties = {emulator::parameter_count(name##_thread), threads}; \
    }

// Shared memory whose size the launch says.
#define DYNAMIC_SHARED(type, name) type *name = reinterpret_cast<type *>(emulator::dynamic_shared())

namespace EMULATOR_HIDDEN emulator {

// What the emulated driver must know of a kernel.
struct Properties {
    unsigned parameters, most_threads;
};

template <typename... Parameters> constexpr unsigned parameter_count(void (*)(Parameters...)) {
    return sizeof...(Parameters);
}

template <typename... Parameters, size_t... Index>
inline void call_with(void (*body)(Parameters...), void **arguments, std::index_sequence<Index...>) {
    static_assert(((sizeof(Parameters) == 8) && ...), "all parameters of a kernel are 8 bytes wide");
    (void)arguments;
    body(*static_cast<std::remove_cv_t<Parameters> *>(arguments[Index])...);
}

template <typename... Parameters> inline void call(void (*body)(Parameters...), void **arguments) {
    call_with(body, arguments, std::index_sequence_for<Parameters...>());
}

// For tests in C++: `run("gelu_forward_f32", gelu_forward_f32, {grid}, {block}, shared bytes, arguments...)`.
template <typename... Arguments>
inline void run(const char *name, Kernel kernel, dim3 grid, dim3 block, size_t shared, Arguments... arguments) {
    static_assert(((sizeof(Arguments) == 8) && ...), "all arguments of a kernel are 8 bytes wide");
    void *addresses[sizeof...(Arguments) + 1] = {&arguments...};
    launch({name, kernel, grid, block, shared, addresses});
}

}  // namespace emulator

// What the emulated driver calls: runs a kernel of this module, and says what runs on this thread.
extern "C" __attribute__((weak, used)) EMULATOR_EXPORT void emulator_launch(
    const char *name, void (*kernel)(void **), const unsigned *grid, const unsigned *block, size_t shared,
    void **arguments) {
    emulator::launch({name, kernel, {grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, shared, arguments});
}
extern "C" __attribute__((weak, used)) EMULATOR_EXPORT void emulator_describe(char *text, size_t size) {
    emulator::describe(text, size);
}
