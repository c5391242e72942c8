// What all kernels share: number formats, how a kernel gets its name, sums over a block, random numbers.
//
// Every argument of a kernel takes 8 bytes: a pointer, `i64`, `u64` or `double`. So the host passes arrays of 8-byte
// words, and the emulator of tests/gpu/emulator calls the same kernels on a CPU.
//
// No kernel adds floating-point numbers atomically unless it says so: results do not depend on the order of blocks.
#pragma once

#ifdef TRAINYARD_EMULATED
#include "emulated.h"
#else
#include <cuda_bf16.h>

// A kernel that the host finds by its name. `...` is what each thread does.
#define KERNEL(name, parameters, ...) \
    extern "C" __global__ void name parameters { __VA_ARGS__; }

// The same for blocks of at most `threads`: the compiler may give each thread more registers.
#define KERNEL_BOUNDED(name, threads, parameters, ...) \
    extern "C" __global__ void __launch_bounds__(threads) name parameters { __VA_ARGS__; }

// Shared memory whose size the launch says.
#define DYNAMIC_SHARED(type, name) \
    extern __shared__ __align__(16) unsigned char dynamic_shared[]; \
    type *name = reinterpret_cast<type *>(dynamic_shared)
#endif

typedef __nv_bfloat16 bf16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

// Runs `K(type, suffix)` for every format of activations.
#define FOR_ACTIVATIONS(K) K(float, f32) K(double, f64) K(bf16, bf16)

// Runs `K(type, suffix)` for every format of parameters, gradients of parameters and the residual stream.
#define FOR_PARAMETERS(K) K(float, f32) K(double, f64)

// The format that a kernel computes in, and the format of parameters beside activations `T`.
template <typename T> struct Wide {
    typedef T type;
};
template <> struct Wide<bf16> {
    typedef float type;
};
template <typename T> using wide = typename Wide<T>::type;

__device__ inline float widen(float x) { return x; }
__device__ inline double widen(double x) { return x; }
__device__ inline float widen(bf16 x) { return __bfloat162float(x); }

// To the nearest, ties to even.
template <typename T> __device__ inline T narrow(wide<T> x) { return x; }
template <> __device__ inline bf16 narrow<bf16>(float x) { return __float2bfloat16_rn(x); }

// First index and stride of a loop over everything, for any grid of one dimension.
__device__ inline i64 thread_index() { return (i64)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ inline i64 thread_count() { return (i64)gridDim.x * blockDim.x; }

template <typename S> __device__ inline S warp_sum(S x) {
    for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(0xffffffffu, x, distance);
    return x;
}

template <typename S> __device__ inline S warp_max(S x) {
    for (int distance = 16; distance > 0; distance /= 2) {
        S other = __shfl_xor_sync(0xffffffffu, x, distance);
        x = other > x ? other : x;
    }
    return x;
}

// The sum over all threads of a block of whole warps, in every thread, in a fixed order. `scratch` holds 32 values in
// shared memory; all threads of the block must call it.
template <typename S> __device__ inline S block_sum(S x, S *scratch) {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    x = warp_sum(x);
    __syncthreads();
    if (lane == 0) scratch[warp] = x;
    __syncthreads();
    S total = lane < warps ? scratch[lane] : S(0);
    return warp_sum(total);
}

// Philox 4x32-10 as in host/src/random.rs: block `index` of lane `lane` of the stream with this key.
struct Random4 {
    u32 value[4];
};
__device__ inline Random4 philox(u32 key0, u32 key1, u64 lane, u64 index) {
    u32 c0 = (u32)index, c1 = (u32)(index >> 32), c2 = (u32)lane, c3 = (u32)(lane >> 32);
    for (int round = 0; round < 10; round++) {
        u64 product0 = (u64)c0 * 0xD2511F53u, product1 = (u64)c2 * 0xCD9E8D57u;
        c0 = (u32)(product1 >> 32) ^ c1 ^ key0;
        c1 = (u32)product1;
        c2 = (u32)(product0 >> 32) ^ c3 ^ key1;
        c3 = (u32)product0;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
    return {{c0, c1, c2, c3}};
}

// A dropout mask: values of `host/src/ops/dropout.rs`. `first_sequence` is in device memory, so that a captured graph of
// launches can be run again for another micro-batch; the lane of a sequence of the batch is
// (*first_sequence + sequence) * sites + site.
struct Dropout {
    u32 key0, key1;
    u64 first_lane, sites;
    u32 threshold;
    double keep;
    __device__ u64 lane(u64 sequence) const { return first_lane + sequence * sites; }
    // Factor of element `index` of a sequence.
    template <typename S> __device__ S factor(u64 sequence, u64 index) const {
        u32 random = philox(key0, key1, lane(sequence), index / 4).value[index % 4];
        return random < threshold ? S(0) : S(keep);
    }
};

// `key` is key1 << 32 | key0; `rate` in [0, 1).
__device__ inline Dropout dropout_mask(u64 key, const u64 *first_sequence, u64 sites, u64 site, double rate) {
    u64 first_lane = *first_sequence * sites + site;
    return {(u32)key, (u32)(key >> 32), first_lane, sites, (u32)(rate * 4294967296.0), 1.0 / (1.0 - rate)};
}

// N neighbouring elements, which one instruction moves as far as 16 bytes go.
template <typename T, int N> struct alignas(N * sizeof(T) < 16 ? N * sizeof(T) : 16) Pack {
    T value[N];
};

// Pack `index` of an array. The array must begin at a multiple of 16 bytes (of sizeof(T) for N = 1).
template <int N, typename T> __device__ inline Pack<T, N> load(const T *x, i64 index) {
    return reinterpret_cast<const Pack<T, N> *>(x)[index];
}
template <int N, typename T> __device__ inline void store(T *x, i64 index, const Pack<T, N> &pack) {
    reinterpret_cast<Pack<T, N> *>(x)[index] = pack;
}

// Whether all pointers are multiples of 16 bytes: a view may begin at any element.
template <typename... P> __device__ inline bool aligned(const P *...pointers) {
    return ((reinterpret_cast<u64>(pointers) | ...) & 15) == 0;
}
