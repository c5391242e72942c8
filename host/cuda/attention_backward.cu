// The backward of attention.cu: the probabilities are computed again from the log-sum-exp of each row. One kernel
// goes through the queries of a tile of keys, the other through the keys of a tile of queries, so that every sum has a
// fixed order (Dao, FlashAttention-2, arXiv 2307.08691, without its atomic additions).
//
// Shapes as in attention.cu; dout [sequences * length, heads * d]; dot [sequences, heads, length]; dqkv as qkv.
//
//   attention_dot               grid ceil(sequences * length * heads / 32)    block 256  shared 0
//   attention_backward_keys     grid (ceil(length / N), kv_heads, sequences)  block 256  shared s * N * (4 e + 2 N + 2)
//   attention_backward_queries  grid (ceil(length / N), heads, sequences)     block 256  shared s * N * (4 e + 2 N + 2)
// More than 48 KiB of shared memory must be allowed first.
#include "attention.cuh"

// Σ_j p_j dp_j of each query = dout · out, with or without dropout. Eight threads per row of a head, each with 16 bytes
// at a time where d allows it.
template <typename T>
__device__ void attention_dot(const T *dout, const T *out, wide<T> *dot, i64 sequences, i64 length, i64 heads, i64 d) {
    constexpr int V = 16 / sizeof(T);
    struct __align__(16) Vector {
        T value[V];
    };
    const i64 index = thread_index() / 8, row = index / heads, head = index % heads, lane = threadIdx.x % 8;
    const bool inside = row < sequences * length;
    dout += index * d;
    out += index * d;
    wide<T> sum = 0;
    if (inside && d % V == 0) {
        for (i64 k = lane * V; k < d; k += 8 * V) {
            Vector a = *(const Vector *)(dout + k), b = *(const Vector *)(out + k);
            for (int i = 0; i < V; i++) sum += widen(a.value[i]) * widen(b.value[i]);
        }
    } else if (inside) {
        for (i64 k = lane; k < d; k += 8) sum += widen(dout[k]) * widen(out[k]);
    }
    for (int distance = 4; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, distance);
    if (inside && lane == 0) dot[(row / length * heads + head) * length + row % length] = sum;
}

// The tiles of a backward kernel in shared memory, and where their rows lie.
template <typename S> struct Tiles {
    S *queries, *dout, *keys, *values; // [N, stride()]
    S *p, *ds;                         // [N, N + 1]
    int *query_starts, *key_starts;    // [N]

    __device__ Tiles(const Shape &shape, S *shared, int *starts) {
        int size = TILE<S> * shape.stride();
        queries = shared, dout = queries + size, keys = dout + size, values = keys + size;
        p = values + size, ds = p + TILE<S> * (TILE<S> + 1);
        query_starts = starts, key_starts = starts + TILE<S>;
    }

    // p = probabilities with dropout, ds = gradients of the unscaled scores, of queries `first` on and keys `key` on.
    __device__ void gradients(const Shape &shape, i64 sequence, i64 head, const S *log_sum_exp, const S *dot, int first,
                              int key) {
        constexpr int N = TILE<S>, R = N / SIDE;
        const i64 rows = (sequence * shape.heads + head) * shape.length;
        S scores[R][R], dp[R][R], scale = S(1) / sqrt(S(shape.d));
        multiply(shape, queries, keys, scores);
        multiply(shape, dout, values, dp);
        for (int i = 0; i < R; i++)
            for (int j = 0; j < R; j++) {
                int r = threadIdx.x / SIDE + i * SIDE, c = threadIdx.x % SIDE + j * SIDE, query = first + r;
                S probability = 0, gradient = 0;
                if (sees(shape, query, query_starts[r], key + c, key_starts[c])) {
                    S factor = dropped<S>(shape, sequence, head, query, query_starts[r], key + c);
                    probability = exp(scores[i][j] * scale - log_sum_exp[rows + query]);
                    gradient = probability * (dp[i][j] * factor - dot[rows + query]) * scale;
                    probability *= factor;
                }
                p[r * (N + 1) + c] = probability;
                ds[r * (N + 1) + c] = gradient;
            }
    }
};

// dk and dv of one tile of keys: sums over the query heads that share them, in order.
template <typename T>
__device__ void attention_backward_keys(const T *dout, const T *qkv, const wide<T> *log_sum_exp, const wide<T> *dot,
                                        const u32 *positions, T *dqkv, Shape shape) {
    typedef wide<T> S;
    constexpr int N = TILE<S>, R = N / SIDE;
    const int d = shape.d, length = shape.length, group = shape.heads / shape.kv_heads, kv_head = blockIdx.y;
    const int key = blockIdx.x * N, last = min(key + N, length) - 1;
    const i64 sequence = blockIdx.z, width = shape.qkv_width(), out_width = shape.out_width();
    const i64 key_column = (shape.heads + kv_head) * d, value_column = key_column + shape.kv_heads * d;
    dout += sequence * length * out_width;
    qkv += sequence * length * width;
    dqkv += sequence * length * width;
    positions += sequence * length;
    DYNAMIC_SHARED(S, shared);
    __shared__ int starts[2 * N];
    Tiles<S> tiles(shape, shared, starts);

    load_tile(shape, qkv + key_column, width, key, tiles.keys);
    load_tile(shape, qkv + value_column, width, key, tiles.values);
    load_starts<N>(shape, positions, key, -2, tiles.key_starts);
    Accumulator<S> dkeys, dvalues;
    dkeys.clear();
    dvalues.clear();
    const int begin = shape.causal ? key : document_start(positions, key) / N * N;
    const int end = document_end(positions, last, length);
    for (int head = kv_head * group; head < (kv_head + 1) * group; head++)
        for (int first = begin; first < end; first += N) {
            __syncthreads();
            load_tile(shape, qkv + head * d, width, first, tiles.queries);
            load_tile(shape, dout + head * d, out_width, first, tiles.dout);
            load_starts<N>(shape, positions, first, -1, tiles.query_starts);
            __syncthreads();
            tiles.gradients(shape, sequence, head, log_sum_exp, dot, first, key);
            __syncthreads();
            dkeys.add(shape, tiles.ds, 1, N + 1, tiles.queries);
            dvalues.add(shape, tiles.p, 1, N + 1, tiles.dout);
        }
    S ones[R];
    for (int i = 0; i < R; i++) ones[i] = 1;
    dkeys.store(shape, ones, dqkv + key_column, width, key);
    dvalues.store(shape, ones, dqkv + value_column, width, key);
}

// dq of one tile of queries.
template <typename T>
__device__ void attention_backward_queries(const T *dout, const T *qkv, const wide<T> *log_sum_exp, const wide<T> *dot,
                                           const u32 *positions, T *dqkv, Shape shape) {
    typedef wide<T> S;
    constexpr int N = TILE<S>, R = N / SIDE;
    const int d = shape.d, length = shape.length, head = blockIdx.y, kv_head = head / (shape.heads / shape.kv_heads);
    const int first = (gridDim.x - 1 - blockIdx.x) * N, last = min(first + N, length) - 1;
    const i64 sequence = blockIdx.z, width = shape.qkv_width(), out_width = shape.out_width();
    dout += sequence * length * out_width;
    qkv += sequence * length * width;
    dqkv += sequence * length * width;
    positions += sequence * length;
    const T *keys = qkv + (shape.heads + kv_head) * d, *values = keys + shape.kv_heads * d;
    DYNAMIC_SHARED(S, shared);
    __shared__ int starts[2 * N];
    Tiles<S> tiles(shape, shared, starts);

    load_tile(shape, qkv + head * d, width, first, tiles.queries);
    load_tile(shape, dout + head * d, out_width, first, tiles.dout);
    load_starts<N>(shape, positions, first, -1, tiles.query_starts);
    Accumulator<S> dqueries;
    dqueries.clear();
    const int end = shape.causal ? last + 1 : document_end(positions, last, length);
    for (int key = document_start(positions, first) / N * N; key < end; key += N) {
        __syncthreads();
        load_tile(shape, keys, width, key, tiles.keys);
        load_tile(shape, values, width, key, tiles.values);
        load_starts<N>(shape, positions, key, -2, tiles.key_starts);
        __syncthreads();
        tiles.gradients(shape, sequence, head, log_sum_exp, dot, first, key);
        __syncthreads();
        dqueries.add(shape, tiles.ds, N + 1, 1, tiles.keys);
    }
    S ones[R];
    for (int i = 0; i < R; i++) ones[i] = 1;
    dqueries.store(shape, ones, dqkv + head * d, width, first);
}

#define K(T, suffix) \
    KERNEL_BOUNDED(attention_dot_##suffix, THREADS, \
                   (const T *dout, const T *out, wide<T> *dot, i64 sequences, i64 length, i64 heads, i64 d), \
                   attention_dot<T>(dout, out, dot, sequences, length, heads, d)) \
    KERNEL_BOUNDED(attention_backward_keys_##suffix, THREADS, \
                   (const T *dout, const T *qkv, const wide<T> *log_sum_exp, const wide<T> *dot, \
                    const u32 *positions, T *dqkv, SHAPE_PARAMETERS), \
                   attention_backward_keys<T>(dout, qkv, log_sum_exp, dot, positions, dqkv, SHAPE)) \
    KERNEL_BOUNDED(attention_backward_queries_##suffix, THREADS, \
                   (const T *dout, const T *qkv, const wide<T> *log_sum_exp, const wide<T> *dot, \
                    const u32 *positions, T *dqkv, SHAPE_PARAMETERS), \
                   attention_backward_queries<T>(dout, qkv, log_sum_exp, dot, positions, dqkv, SHAPE))
FOR_ACTIVATIONS(K)
#undef K
