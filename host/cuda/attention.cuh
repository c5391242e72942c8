// What the kernels of attention.cu and attention_backward.cu share: shapes, documents, tiles in shared memory and
// products of them. A tile has N = TILE<S> positions. Matrices in shared memory have rows of `stride()` elements.
#pragma once
#include "common.cuh"

// The threads of a block form a square. Each computes the elements of a tile at its row and column, and at every
// SIDE-th row and column from there.
constexpr int SIDE = 16, THREADS = SIDE * SIDE;
constexpr int WIDEST = 256;
template <typename S> constexpr int TILE = sizeof(S) == 8 ? 16 : 32;

// Below every score, and finite: differences stay numbers.
constexpr float LOWEST = -3e38f;

#define SHAPE_PARAMETERS \
    i64 sequences, i64 length, i64 heads, i64 kv_heads, i64 d, i64 causal, double rate, u64 key, \
        const u64 *first_sequence, u64 sites, u64 site
#define SHAPE make_shape(length, heads, kv_heads, d, causal, rate, key, first_sequence, sites, site)

struct Shape {
    int length, heads, kv_heads, d;
    bool causal, drops;
    Dropout dropout;

    __device__ i64 qkv_width() const { return (i64)(heads + 2 * kv_heads) * d; }
    __device__ i64 out_width() const { return (i64)heads * d; }
    // From one row of a tile to the next in shared memory: odd, so that a column lies in different banks.
    __device__ int stride() const { return d | 1; }
};

__device__ inline Shape make_shape(i64 length, i64 heads, i64 kv_heads, i64 d, i64 causal, double rate, u64 key,
                                   const u64 *first_sequence, u64 sites, u64 site) {
    Shape shape = {(int)length, (int)heads, (int)kv_heads, (int)d, causal != 0, rate > 0, {}};
    if (shape.drops) shape.dropout = dropout_mask(key, first_sequence, sites, site, rate);
    return shape;
}

// First row of the document of `row`. `positions` [length] of the sequence.
__device__ inline int document_start(const u32 *positions, int row) {
    return positions[row] > (u32)row ? 0 : row - (int)positions[row];
}

// End of the document of `row`: the first row after it whose document starts elsewhere. All lanes of a warp search.
__device__ inline int document_end(const u32 *positions, int row, int length) {
    int start = document_start(positions, row), low = row, high = length;
    while (high - low > 1) {
        // low is in the document, high is not.
        int step = (high - low + 31) / 32, candidate = low + (threadIdx.x % 32) * step;
        bool inside = candidate < high && document_start(positions, candidate) == start;
        low += (__popc(__ballot_sync(0xffffffffu, inside)) - 1) * step;
        high = low + step < high ? low + step : high;
    }
    return high;
}

// Whether the query at `query` sees the key at `key`, given the starts of their documents.
__device__ inline bool sees(const Shape &shape, int query, int query_start, int key, int key_start) {
    return query_start == key_start && (key <= query || !shape.causal);
}

// What dropout multiplies a probability by.
template <typename S> __device__ S dropped(const Shape &shape, i64 sequence, i64 head, int query, int start, int key) {
    if (!shape.drops) return S(1);
    i64 stride = (shape.length + 3) / 4 * 4;
    return shape.dropout.template factor<S>(sequence, (u64)((head * shape.length + query) * stride + (key - start)));
}

// tile [N, stride()] = rows `first` on of x [length, width], zeros past the end.
template <typename T> __device__ void load_tile(const Shape &shape, const T *x, i64 width, int first, wide<T> *tile) {
    for (int i = threadIdx.x / 32; i < TILE<wide<T>>; i += THREADS / 32) {
        const T *row = x + (first + i) * width;
        bool inside = first + i < shape.length;
        for (int k = threadIdx.x % 32; k < shape.d; k += 32)
            tile[i * shape.stride() + k] = inside ? widen(row[k]) : wide<T>(0);
    }
}

// starts [N]: those of the documents of rows `first` on, `outside` past the end.
template <int N>
__device__ void load_starts(const Shape &shape, const u32 *positions, int first, int outside, int *starts) {
    int i = threadIdx.x;
    if (i < N) starts[i] = first + i < shape.length ? document_start(positions, first + i) : outside;
}

// product [R][R] = this thread's elements of a bᵀ; a, b [N, stride()].
template <typename S, int R> __device__ void multiply(const Shape &shape, const S *a, const S *b, S (&product)[R][R]) {
    int stride = shape.stride();
    a += threadIdx.x / SIDE * stride;
    b += threadIdx.x % SIDE * stride;
    for (int i = 0; i < R; i++)
        for (int j = 0; j < R; j++) product[i][j] = 0;
    for (int k = 0; k < shape.d; k++)
#pragma unroll
        for (int i = 0; i < R; i++)
#pragma unroll
            for (int j = 0; j < R; j++) product[i][j] += a[i * SIDE * stride + k] * b[j * SIDE * stride + k];
}

// This thread's elements of a matrix [N, d].
template <typename S> struct Accumulator {
    static constexpr int R = TILE<S> / SIDE, C = WIDEST / SIDE;
    S value[R][C];

    __device__ void clear() {
        for (int i = 0; i < R; i++)
            for (int c = 0; c < C; c++) value[i][c] = 0;
    }

    __device__ void scale(int i, S factor) {
#pragma unroll
        for (int c = 0; c < C; c++) value[i][c] *= factor;
    }

    // += a b, where element (i, j) of a is a[i * row + j * column]; b [N, stride()].
    __device__ void add(const Shape &shape, const S *a, int row, int column, const S *b) {
        a += threadIdx.x / SIDE * row;
        for (int j = 0; j < TILE<S>; j++) {
            S factors[R];
#pragma unroll
            for (int i = 0; i < R; i++) factors[i] = a[i * SIDE * row + j * column];
#pragma unroll
            for (int c = 0; c < C; c++) {
                int k = threadIdx.x % SIDE + c * SIDE;
                if (k >= shape.d) break;
                S x = b[j * shape.stride() + k];
#pragma unroll
                for (int i = 0; i < R; i++) value[i][c] += factors[i] * x;
            }
        }
    }

    // Row i times factors[i] into rows `first` on of x [length, width].
    template <typename T> __device__ void store(const Shape &shape, const S (&factors)[R], T *x, i64 width, int first) {
#pragma unroll
        for (int i = 0; i < R; i++) {
            int row = first + threadIdx.x / SIDE + i * SIDE;
            if (row >= shape.length) continue;
#pragma unroll
            for (int c = 0; c < C; c++) {
                int k = threadIdx.x % SIDE + c * SIDE;
                if (k < shape.d) x[row * width + k] = narrow<T>(value[i][c] * factors[i]);
            }
        }
    }
};
