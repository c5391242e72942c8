// Loops over the elements of arrays and of columns of matrices. Limited by memory bandwidth: loads of 16 bytes, two sets
// of them under way per thread. Any grid of one dimension.
#pragma once
#include "common.cuh"

// out = f(i, in...) for packs of N elements: pack i of each array, i < n. `out` may be one of `in`.
template <int N, typename F, typename Out, typename... In>
__device__ inline void map_packs(i64 n, F f, Out *out, const In *...in) {
    i64 step = thread_count(), i = thread_index();
    for (; i + step < n; i += 2 * step) {
        Pack<Out, N> first = f(i, load<N>(in, i)...), second = f(i + step, load<N>(in, i + step)...);
        store(out, i, first);
        store(out, i + step, second);
    }
    if (i < n) store(out, i, f(i, load<N>(in, i)...));
}

// The values of one pack through `f`, which computes in the wide format.
template <typename Out, int N, typename F, typename... In>
__device__ inline Pack<Out, N> map_pack(F f, const Pack<In, N> &...in) {
    Pack<Out, N> out;
#pragma unroll
    for (int k = 0; k < N; k++) out.value[k] = narrow<Out>(f(widen(in.value[k])...));
    return out;
}

__host__ __device__ constexpr int largest(int a, int b) { return a > b ? a : b; }
__host__ __device__ constexpr int largest(int a, int b, int c) { return largest(a, largest(b, c)); }
__host__ __device__ constexpr int largest(int a, int b, int c, int d) { return largest(a, largest(b, c, d)); }

// out[i] = f(in[i]...) for all i < n. `out` may be one of `in`.
template <typename F, typename Out, typename... In>
__device__ inline void map(i64 n, F f, Out *out, const In *...in) {
    constexpr int N = 16 / largest(sizeof(Out), sizeof(In)...);
    i64 packs = aligned(out, in...) ? n / N : 0;
    map_packs<N>(packs, [=](i64, auto... in) { return map_pack<Out, N>(f, in...); }, out, in...);
    map_packs<1>(n - packs * N, [=](i64, auto... in) { return map_pack<Out, 1>(f, in...); }, out + packs * N,
                 (in + packs * N)...);
}

// Some columns of a matrix: rows begin `stride` elements apart.
template <typename T> struct Columns {
    T *at;
    i64 stride;
};
template <typename T> __device__ inline Columns<T> columns(T *at, i64 stride) { return {at, stride}; }

// Whether all are as wide as their matrix, and so arrays.
template <typename... T> __device__ inline bool whole(i64 width, const Columns<T> &...columns) {
    return ((columns.stride == width) && ...);
}

// out = f(in...) for columns of `width` elements, N at a time.
template <int N, typename F, typename Out, typename... In>
__device__ inline void map_column_packs(i64 rows, i64 width, F f, Columns<Out> out, Columns<const In>... in) {
    u64 packs = width / N, n = rows * packs;
    for (u64 i = thread_index(); i < n; i += thread_count()) {
        i64 row = i / packs, at = i % packs;
        store(out.at + row * out.stride, at, map_pack<Out, N>(f, load<N>(in.at + row * in.stride, at)...));
    }
}

// out[row, j] = f(in[row, j]...) for all rows and j < width. `out` may be one of `in`.
template <typename F, typename Out, typename... In>
__device__ inline void map_columns(i64 rows, i64 width, F f, Columns<Out> out, Columns<const In>... in) {
    constexpr int N = 16 / largest(sizeof(Out), sizeof(In)...);
    bool packed = width % N == 0 && out.stride % N == 0 && ((in.stride % N == 0) && ...) && aligned(out.at, in.at...);
    if (packed) map_column_packs<N>(rows, width, f, out, in...);
    else map_column_packs<1>(rows, width, f, out, in...);
}

// The same, which is faster where the columns are arrays.
template <typename F, typename Out, typename... In>
__device__ inline void map_all(i64 rows, i64 width, F f, Columns<Out> out, Columns<const In>... in) {
    if (whole(width, out, in...)) map(rows * width, f, out.at, in.at...);
    else map_columns(rows, width, f, out, in...);
}

// Runs `K(from, to, suffix)` for every two formats that meet in one model.
#define FOR_CONVERSIONS(K) \
    K(float, float, f32_f32) K(double, double, f64_f64) K(bf16, bf16, bf16_bf16) K(float, bf16, f32_bf16) \
    K(bf16, float, bf16_f32)
