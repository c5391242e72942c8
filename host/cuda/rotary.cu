// Rotary positions (Su et al., arXiv 2104.09864): pairs of elements of a query or key are rotated by an angle that is
// proportional to the position. Element i of the first half of what is rotated is paired with element i of the second
// half; interleaved, elements 2i and 2i + 1 are a pair.
//
// Launch: any grid of one dimension, blocks of 256, no dynamic shared memory.
#include "common.cuh"

// A pair turned: (a c - b s, b c + a s).
template <typename T> __device__ inline void turn(T &a, T &b, wide<T> cosine, wide<T> sine) {
    wide<T> x = widen(a), y = widen(b);
    a = narrow<T>(x * cosine - y * sine);
    b = narrow<T>(y * cosine + x * sine);
}

// `heads` heads of each row of x [rows, row_width], from its first element on, are rotated in place: their first
// 2 half elements; cosines and sines [context, half]; positions [rows], all below context. A thread takes N pairs.
template <int N, typename T>
__device__ void rotate(T *x, const u32 *positions, const wide<T> *cosines, const wide<T> *sines, wide<T> direction,
                       i64 rows, i64 row_width, i64 heads, i64 head_width, i64 pairs, bool interleaved) {
    typedef wide<T> S;
    u64 half = pairs, packs = half / N, row_packs = heads * packs, n = rows * row_packs;
    for (u64 i = thread_index(); i < n; i += thread_count()) {
        u64 row = i / row_packs, head = i % row_packs / packs, pack = i % packs;
        T *first = x + row * row_width + head * head_width, *second = first + half;
        u64 angles = positions[row] * half;
        Pack<S, N> cosine = load<N>(cosines + angles, pack), sine = load<N>(sines + angles, pack);
        if (interleaved) {
#pragma unroll
            for (int k = 0; k < N; k++) {
                T *pair = first + 2 * (pack * N + k);
                turn(pair[0], pair[1], cosine.value[k], sine.value[k] * direction);
            }
            continue;
        }
        Pack<T, N> a = load<N>(first, pack), b = load<N>(second, pack);
#pragma unroll
        for (int k = 0; k < N; k++) turn(a.value[k], b.value[k], cosine.value[k], sine.value[k] * direction);
        store(first, pack, a);
        store(second, pack, b);
    }
}

// `direction` 1 rotates; -1 turns gradients of rotated vectors into those of unrotated ones. x begins at the first
// rotated column.
template <typename T>
__device__ void rotary(T *x, const u32 *positions, const wide<T> *cosines, const wide<T> *sines, double direction,
                       i64 rows, i64 row_width, i64 heads, i64 head_width, i64 half, i64 interleaved) {
    constexpr int N = 16 / sizeof(T);
    wide<T> sign = direction;
    bool whole = half % N == 0 && head_width % N == 0 && row_width % N == 0;
    if (whole && aligned(x, cosines, sines))
        rotate<N>(x, positions, cosines, sines, sign, rows, row_width, heads, head_width, half, interleaved != 0);
    else
        rotate<1>(x, positions, cosines, sines, sign, rows, row_width, heads, head_width, half, interleaved != 0);
}
#define K(T, suffix) \
    KERNEL(rotary_##suffix, \
           (T *x, const u32 *positions, const wide<T> *cosines, const wide<T> *sines, double direction, i64 rows, \
            i64 row_width, i64 heads, i64 head_width, i64 half, i64 interleaved), \
           rotary(x, positions, cosines, sines, direction, rows, row_width, heads, head_width, half, interleaved))
FOR_ACTIVATIONS(K)
#undef K
