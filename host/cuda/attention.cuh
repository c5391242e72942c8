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

// `window` keys up to its own are all that a query sees; 0: those before it are not limited, or `causal` is 0. Query i
// has the position i + before among the keys. A null pointer: one document, all keys valid, no bias.
#define SHAPE_PARAMETERS(T) \
    const u32 *offsets, const u32 *valid, const wide<T> *bias, i64 bias_width, i64 sequences, i64 length, \
        i64 key_length, i64 before, i64 heads, i64 kv_heads, i64 d, i64 query_stride, i64 key_stride, \
        i64 value_stride, i64 causal, i64 window, double scale, double cap, double rate, u64 key, \
        const u64 *first_sequence, u64 sites, u64 site
#define SHAPE(T) \
    make_shape<wide<T>>(offsets, valid, bias, bias_width, length, key_length, before, heads, kv_heads, d, \
                        query_stride, key_stride, value_stride, causal, window, scale, cap, rate, key, \
                        first_sequence, sites, site)

template <typename S> struct Shape {
    int length, key_length, before, heads, kv_heads, d, window;
    i64 query_stride, key_stride, value_stride; // elements from one row to the next
    bool causal, drops;
    S scale, cap;
    const S *bias; // [heads, bias_width]
    int bias_width;
    const u32 *offsets, *valid; // [sequences * length], [sequences]
    Dropout dropout;

    __device__ i64 out_width() const { return (i64)heads * d; }
    // From one row of a tile to the next in shared memory: odd, so that a column lies in different banks.
    __device__ int stride() const { return d | 1; }
    // Moves to one sequence.
    __device__ void enter(i64 sequence) {
        if (offsets) offsets += sequence * length;
        if (valid) key_length = (int)valid[sequence];
    }
};

template <typename S>
__device__ inline Shape<S> make_shape(const u32 *offsets, const u32 *valid, const S *bias, i64 bias_width, i64 length,
                                      i64 key_length, i64 before, i64 heads, i64 kv_heads, i64 d, i64 query_stride,
                                      i64 key_stride, i64 value_stride, i64 causal, i64 window, double scale,
                                      double cap, double rate, u64 key, const u64 *first_sequence, u64 sites,
                                      u64 site) {
    Shape<S> shape = {(int)length,  (int)key_length, (int)before,       (int)heads, (int)kv_heads, (int)d,
                      (int)window,  query_stride,    key_stride,        value_stride, causal != 0,  rate > 0,
                      (S)scale,     (S)cap,          bias,              (int)bias_width, offsets,   valid, {}};
    if (shape.drops) shape.dropout = dropout_mask(key, first_sequence, sites, site, rate);
    return shape;
}

// First row of the document of `row`. `offsets` [length] of the sequence.
__device__ inline int document_start(const u32 *offsets, int row) {
    return offsets[row] > (u32)row ? 0 : row - (int)offsets[row];
}

// End of the document of `row`: the first row after it whose document starts elsewhere. All lanes of a warp search.
__device__ inline int document_end(const u32 *offsets, int row, int length) {
    int start = document_start(offsets, row), low = row, high = length;
    while (high - low > 1) {
        // low is in the document, high is not.
        int step = (high - low + 31) / 32, candidate = low + (threadIdx.x % 32) * step;
        bool inside = candidate < high && document_start(offsets, candidate) == start;
        low += (__popc(__ballot_sync(0xffffffffu, inside)) - 1) * step;
        high = low + step < high ? low + step : high;
    }
    return high;
}

// Whether the query at `query` sees the key at `key`, given the starts of their documents.
template <typename S>
__device__ inline bool sees(const Shape<S> &shape, int query, int query_start, int key, int key_start) {
    if (query_start != key_start) return false;
    int position = query + shape.before;
    return !shape.causal || (key <= position && (shape.window == 0 || key > position - shape.window));
}

// The first key that queries `first` on may see, and the end of those that queries up to `last` may see.
template <typename S> __device__ inline int first_key(const Shape<S> &shape, int first) {
    int start = shape.offsets ? document_start(shape.offsets, first) : 0;
    int window = shape.window == 0 ? 0 : first + shape.before + 1 - shape.window;
    return window > start ? window : start;
}

template <typename S> __device__ inline int end_of_keys(const Shape<S> &shape, int last) {
    if (shape.causal) return last + shape.before + 1;
    return shape.offsets ? document_end(shape.offsets, last, shape.length) : shape.key_length;
}

// Makes a score of the product of a query and a key that it sees.
template <typename S> __device__ inline S score(const Shape<S> &shape, i64 head, int query, int key, S product) {
    S x = product * shape.scale;
    if (shape.cap > 0) x = shape.cap * tanh(x / shape.cap);
    if (shape.bias) x += shape.bias[head * shape.bias_width + shape.bias_width / 2 + key - (query + shape.before)];
    return x;
}

// The derivative of the score by the product.
template <typename S> __device__ inline S slope(const Shape<S> &shape, S product) {
    if (!(shape.cap > 0)) return shape.scale;
    S t = tanh(product * shape.scale / shape.cap);
    return shape.scale * (1 - t * t);
}

// What dropout multiplies a probability by. Rows of a mask are as long as those of keys, of which `key_rows` there are.
template <typename S>
__device__ S dropped(const Shape<S> &shape, int key_rows, i64 sequence, i64 head, int query, int start, int key) {
    if (!shape.drops) return S(1);
    i64 stride = (key_rows + 3) / 4 * 4;
    return shape.dropout.template factor<S>(sequence, (u64)((head * shape.length + query) * stride + (key - start)));
}

// tile [N, stride()] = rows `first` on of x [rows, width], zeros past the end.
template <typename T>
__device__ void load_tile(const Shape<wide<T>> &shape, const T *x, i64 width, int rows, int first, wide<T> *tile) {
    for (int i = threadIdx.x / 32; i < TILE<wide<T>>; i += THREADS / 32) {
        const T *row = x + (first + i) * width;
        bool inside = first + i < rows;
        for (int k = threadIdx.x % 32; k < shape.d; k += 32)
            tile[i * shape.stride() + k] = inside ? widen(row[k]) : wide<T>(0);
    }
}

// starts [N]: those of the documents of rows `first` on, `outside` past the last of `rows`.
template <int N> __device__ void load_starts(const u32 *offsets, int rows, int first, int outside, int *starts) {
    int i = threadIdx.x;
    if (i < N) starts[i] = first + i >= rows ? outside : offsets ? document_start(offsets, first + i) : 0;
}

// product [R][R] = this thread's elements of a bᵀ; a, b [N, stride()].
template <typename S, int R>
__device__ void multiply(const Shape<S> &shape, const S *a, const S *b, S (&product)[R][R]) {
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
    __device__ void add(const Shape<S> &shape, const S *a, int row, int column, const S *b) {
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

    // Row i times factors[i] into rows `first` on of x [rows, width].
    template <typename T>
    __device__ void store(const Shape<S> &shape, const S (&factors)[R], T *x, i64 width, int rows, int first) {
#pragma unroll
        for (int i = 0; i < R; i++) {
            int row = first + threadIdx.x / SIDE + i * SIDE;
            if (row >= rows) continue;
#pragma unroll
            for (int c = 0; c < C; c++) {
                int k = threadIdx.x % SIDE + c * SIDE;
                if (k < shape.d) x[row * width + k] = narrow<T>(value[i][c] * factors[i]);
            }
        }
    }
};
