// Rotary positions (Su et al., arXiv 2104.09864): pairs of elements of a query or key are rotated by an angle that is
// proportional to the position. Element i of a head's first half is paired with element i of its second half.
//
// Launch: any grid of one dimension, blocks of 256, no dynamic shared memory.
#include "common.cuh"

// The first `heads` heads (queries, then keys) of each row of qkv [rows, row_width] are rotated in place; cosines and
// sines [context, head_width/2]; positions [rows], all below context. A thread takes N pairs.
template <int N, typename T>
__device__ void rotate(T *qkv, const u32 *positions, const wide<T> *cosines, const wide<T> *sines, wide<T> direction,
                       i64 rows, i64 row_width, i64 heads, i64 head_width) {
    typedef wide<T> S;
    u64 half = head_width / 2, packs = half / N, row_packs = heads * packs, n = rows * row_packs;
    for (u64 i = thread_index(); i < n; i += thread_count()) {
        u64 row = i / row_packs, head = i % row_packs / packs, pack = i % packs;
        T *first = qkv + row * row_width + head * head_width, *second = first + half;
        u64 angles = positions[row] * half;
        Pack<T, N> a = load<N>(first, pack), b = load<N>(second, pack);
        Pack<S, N> cosine = load<N>(cosines + angles, pack), sine = load<N>(sines + angles, pack);
#pragma unroll
        for (int k = 0; k < N; k++) {
            S x = widen(a.value[k]), y = widen(b.value[k]), c = cosine.value[k], s = sine.value[k] * direction;
            a.value[k] = narrow<T>(x * c - y * s);
            b.value[k] = narrow<T>(y * c + x * s);
        }
        store(first, pack, a);
        store(second, pack, b);
    }
}

// `direction` 1 rotates; -1 is the inverse, which turns gradients of rotated vectors into those of unrotated ones.
template <typename T>
__device__ void rotary(T *qkv, const u32 *positions, const wide<T> *cosines, const wide<T> *sines, double direction,
                       i64 rows, i64 row_width, i64 heads, i64 head_width) {
    constexpr int N = 16 / sizeof(T);
    wide<T> sign = direction;
    if (head_width / 2 % N == 0 && row_width % N == 0 && aligned(qkv, cosines, sines))
        rotate<N>(qkv, positions, cosines, sines, sign, rows, row_width, heads, head_width);
    else
        rotate<1>(qkv, positions, cosines, sines, sign, rows, row_width, heads, head_width);
}
#define K(T, suffix) \
    KERNEL(rotary_##suffix, \
           (T *qkv, const u32 *positions, const wide<T> *cosines, const wide<T> *sines, double direction, i64 rows, \
            i64 row_width, i64 heads, i64 head_width), \
           rotary(qkv, positions, cosines, sines, direction, rows, row_width, heads, head_width))
FOR_ACTIVATIONS(K)
#undef K
