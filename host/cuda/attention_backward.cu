// The backward of attention.cu: the probabilities are computed again from the log-sum-exp of each row. One kernel
// goes through the queries of a tile of keys, the other through the keys of a tile of queries, so that every sum has a
// fixed order (Dao, FlashAttention-2, arXiv 2307.08691, without its atomic additions).
//
// Shapes as in attention.cu; dout [sequences * length, heads * d]; dot [sequences, heads, length]; gradients as the
// inputs, with strides of their own. t = ceil(length / N), k = key_length.
//
//   attention_dot               grid ceil(sequences * length * heads / 32)    block 256  shared 0
//   attention_backward_keys     grid (ceil(k / N), kv_heads, sequences)       block 256  shared s * N * (4 e + 2 N + 2)
//   attention_backward_queries  grid (ceil(length / N), heads, sequences)     block 256  shared s * N * (4 e + 2 N + 2)
//   attention_backward_bias     grid (2 t - 1, heads)                         block 256  shared s * N * (4 e + 2 N + 2)
//   attention_bias_sum          any grid of one dimension                     block 256  shared 0
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

    __device__ Tiles(const Shape<S> &shape, S *shared, int *starts) {
        int size = TILE<S> * shape.stride();
        queries = shared, dout = queries + size, keys = dout + size, values = keys + size;
        p = values + size, ds = p + TILE<S> * (TILE<S> + 1);
        query_starts = starts, key_starts = starts + TILE<S>;
    }

    // p = probabilities with dropout, ds = gradients of products of queries and keys, or with SCORES those of scores,
    // of queries `first` on and keys `key` on.
    template <bool SCORES>
    __device__ void gradients(const Shape<S> &shape, int key_rows, i64 sequence, i64 head, const S *log_sum_exp,
                              const S *dot, int first, int key) {
        constexpr int N = TILE<S>, R = N / SIDE;
        const i64 rows = (sequence * shape.heads + head) * shape.length;
        S scores[R][R], dp[R][R];
        multiply(shape, queries, keys, scores);
        multiply(shape, dout, values, dp);
        for (int i = 0; i < R; i++)
            for (int j = 0; j < R; j++) {
                int r = threadIdx.x / SIDE + i * SIDE, c = threadIdx.x % SIDE + j * SIDE, query = first + r;
                S probability = 0, gradient = 0;
                if (sees(shape, query, query_starts[r], key + c, key_starts[c])) {
                    S factor = dropped(shape, key_rows, sequence, head, query, query_starts[r], key + c);
                    probability = exp(score(shape, head, query, key + c, scores[i][j]) - log_sum_exp[rows + query]);
                    gradient = probability * (dp[i][j] * factor - dot[rows + query]);
                    if (!SCORES) gradient *= slope(shape, scores[i][j]);
                    probability *= factor;
                }
                p[r * (N + 1) + c] = probability;
                ds[r * (N + 1) + c] = gradient;
            }
    }
};

// What the backward kernels read, from the first row of a sequence on.
template <typename T> struct Reads {
    const T *dout, *queries, *keys, *values;
    const wide<T> *log_sum_exp, *dot;
    int key_rows;

    __device__ Reads(const T *dout, const T *queries, const T *keys, const T *values, const wide<T> *log_sum_exp,
                     const wide<T> *dot, Shape<wide<T>> &shape, i64 sequence)
        : dout(dout + sequence * shape.length * shape.out_width()),
          queries(queries + sequence * shape.length * shape.query_stride),
          keys(keys + sequence * shape.key_length * shape.key_stride),
          values(values + sequence * shape.key_length * shape.value_stride), log_sum_exp(log_sum_exp), dot(dot),
          key_rows(shape.key_length) {
        shape.enter(sequence);
    }

    // Queries of a head, rows `first` on, and the gradients of its result.
    __device__ void load_queries(const Shape<wide<T>> &shape, i64 head, int first, Tiles<wide<T>> &tiles) const {
        load_tile(shape, queries + head * shape.d, shape.query_stride, shape.length, first, tiles.queries);
        load_tile(shape, dout + head * shape.d, shape.out_width(), shape.length, first, tiles.dout);
        load_starts<TILE<wide<T>>>(shape.offsets, shape.length, first, -1, tiles.query_starts);
    }

    // Keys and values of a head, rows `key` on.
    __device__ void load_keys(const Shape<wide<T>> &shape, i64 kv_head, int key, Tiles<wide<T>> &tiles) const {
        load_tile(shape, keys + kv_head * shape.d, shape.key_stride, shape.key_length, key, tiles.keys);
        load_tile(shape, values + kv_head * shape.d, shape.value_stride, shape.key_length, key, tiles.values);
        load_starts<TILE<wide<T>>>(shape.offsets, shape.key_length, key, -2, tiles.key_starts);
    }
};

// The queries that may see a tile of keys, `key` to `last`: from the first of a whole tile to the end.
template <typename S> __device__ int first_query(const Shape<S> &shape, int key) {
    if (shape.causal) return key;
    return shape.offsets ? document_start(shape.offsets, key) / TILE<S> * TILE<S> : 0;
}

template <typename S> __device__ int end_of_queries(const Shape<S> &shape, int last) {
    int end = shape.offsets ? document_end(shape.offsets, last, shape.length) : shape.length;
    return shape.window == 0 ? end : min(end, last + shape.window);
}

// dk and dv of one tile of keys: sums over the query heads that share them, in order.
template <typename T>
__device__ void attention_backward_keys(const T *dout, const T *queries, const T *keys, const T *values,
                                        const wide<T> *log_sum_exp, const wide<T> *dot, T *dkeys_out, T *dvalues_out,
                                        i64 dkey_stride, i64 dvalue_stride, Shape<wide<T>> shape) {
    typedef wide<T> S;
    constexpr int N = TILE<S>, R = N / SIDE;
    const int group = shape.heads / shape.kv_heads, kv_head = blockIdx.y, key = blockIdx.x * N;
    const i64 sequence = blockIdx.z;
    const Reads<T> reads(dout, queries, keys, values, log_sum_exp, dot, shape, sequence);
    DYNAMIC_SHARED(S, shared);
    __shared__ int starts[2 * N];
    Tiles<S> tiles(shape, shared, starts);

    reads.load_keys(shape, kv_head, key, tiles);
    Accumulator<S> dkeys, dvalues;
    dkeys.clear();
    dvalues.clear();
    // Past the valid rows of a source there is nothing to sum up.
    const int last = min(key + N, shape.key_length) - 1, begin = first_query(shape, key);
    const int end = last < key ? begin : end_of_queries(shape, last);
    for (int head = kv_head * group; head < (kv_head + 1) * group; head++)
        for (int first = begin; first < end; first += N) {
            __syncthreads();
            reads.load_queries(shape, head, first, tiles);
            __syncthreads();
            tiles.template gradients<false>(shape, reads.key_rows, sequence, head, log_sum_exp, dot, first, key);
            __syncthreads();
            dkeys.add(shape, tiles.ds, 1, N + 1, tiles.queries);
            dvalues.add(shape, tiles.p, 1, N + 1, tiles.dout);
        }
    S ones[R];
    for (int i = 0; i < R; i++) ones[i] = 1;
    dkeys_out += sequence * reads.key_rows * dkey_stride + kv_head * shape.d;
    dvalues_out += sequence * reads.key_rows * dvalue_stride + kv_head * shape.d;
    dkeys.store(shape, ones, dkeys_out, dkey_stride, reads.key_rows, key);
    dvalues.store(shape, ones, dvalues_out, dvalue_stride, reads.key_rows, key);
}

// dq of one tile of queries.
template <typename T>
__device__ void attention_backward_queries(const T *dout, const T *queries, const T *keys, const T *values,
                                           const wide<T> *log_sum_exp, const wide<T> *dot, T *dqueries_out,
                                           i64 dquery_stride, Shape<wide<T>> shape) {
    typedef wide<T> S;
    constexpr int N = TILE<S>, R = N / SIDE;
    const int head = blockIdx.y, kv_head = head / (shape.heads / shape.kv_heads);
    const int first = (gridDim.x - 1 - blockIdx.x) * N, last = min(first + N, shape.length) - 1;
    const i64 sequence = blockIdx.z;
    const Reads<T> reads(dout, queries, keys, values, log_sum_exp, dot, shape, sequence);
    DYNAMIC_SHARED(S, shared);
    __shared__ int starts[2 * N];
    Tiles<S> tiles(shape, shared, starts);

    reads.load_queries(shape, head, first, tiles);
    Accumulator<S> dqueries;
    dqueries.clear();
    const int end = end_of_keys(shape, last);
    for (int key = first_key(shape, first) / N * N; key < end; key += N) {
        __syncthreads();
        reads.load_keys(shape, kv_head, key, tiles);
        __syncthreads();
        tiles.template gradients<false>(shape, reads.key_rows, sequence, head, log_sum_exp, dot, first, key);
        __syncthreads();
        dqueries.add(shape, tiles.ds, N + 1, 1, tiles.keys);
    }
    S ones[R];
    for (int i = 0; i < R; i++) ones[i] = 1;
    dqueries_out += sequence * shape.length * dquery_stride + head * shape.d;
    dqueries.store(shape, ones, dqueries_out, dquery_stride, shape.length, first);
}

// Gradients of the relative bias, first step: a block goes through the tiles at one distance, (tile of keys) - (tile of
// queries) = distance, of one head in all sequences, and sums up the gradients of scores along diagonals. parts
// [heads, 2 tiles - 1, 2 N]: element e of a distance is the sum where key - query = distance * N + e - N.
template <typename T>
__device__ void attention_backward_bias(const T *dout, const T *queries, const T *keys, const T *values,
                                        const wide<T> *log_sum_exp, const wide<T> *dot, wide<T> *parts, i64 sequences,
                                        Shape<wide<T>> all) {
    typedef wide<T> S;
    constexpr int N = TILE<S>;
    const int head = blockIdx.y, kv_head = head / (all.heads / all.kv_heads), tiles_all = (gridDim.x + 1) / 2;
    const int distance = (int)blockIdx.x - (tiles_all - 1);
    DYNAMIC_SHARED(S, shared);
    __shared__ int starts[2 * N];
    Tiles<S> tiles(all, shared, starts);
    S sum = 0;
    for (i64 sequence = 0; sequence < sequences; sequence++) {
        Shape<S> shape = all;
        const Reads<T> reads(dout, queries, keys, values, log_sum_exp, dot, shape, sequence);
        for (int tile = max(0, -distance); tile < tiles_all - max(0, distance); tile++) {
            const int first = tile * N, key = (tile + distance) * N;
            __syncthreads();
            reads.load_queries(shape, head, first, tiles);
            reads.load_keys(shape, kv_head, key, tiles);
            __syncthreads();
            tiles.template gradients<true>(shape, reads.key_rows, sequence, head, log_sum_exp, dot, first, key);
            __syncthreads();
            const int offset = (int)threadIdx.x - N; // column - row
            if (offset > -N && offset < N)
                for (int r = max(0, -offset); r < N - max(0, offset); r++) sum += tiles.ds[r * (N + 1) + r + offset];
        }
    }
    if (threadIdx.x < 2 * N) parts[((i64)head * gridDim.x + blockIdx.x) * 2 * N + threadIdx.x] = sum;
}

// Second step: dbias [heads, width] += the sums of the two distances that a difference of key and query lies in.
template <typename T>
__device__ void attention_bias_sum(const wide<T> *parts, wide<T> *dbias, i64 heads, i64 width, i64 length) {
    constexpr int N = TILE<wide<T>>;
    const i64 tiles = (length + N - 1) / N, distances = 2 * tiles - 1;
    for (i64 i = thread_index(); i < heads * width; i += thread_count()) {
        const i64 head = i / width, difference = i % width - width / 2;
        if (difference <= -length || difference >= length) continue;
        const wide<T> *sums = parts + head * distances * 2 * N;
        // place is at least 1; distance number i of the sums has the places i * N to (i + 2) * N.
        const i64 place = difference + tiles * N, low = place / N - 1, element = place % N;
        wide<T> sum = 0;
        if (low >= 0 && low < distances) sum += sums[low * 2 * N + N + element];
        if (low + 1 < distances) sum += sums[(low + 1) * 2 * N + element];
        dbias[i] += sum;
    }
}

#define READS(T) const T *dout, const T *queries, const T *keys, const T *values, const wide<T> *log_sum_exp, \
        const wide<T> *dot
#define K(T, suffix) \
    KERNEL_BOUNDED(attention_dot_##suffix, THREADS, \
                   (const T *dout, const T *out, wide<T> *dot, i64 sequences, i64 length, i64 heads, i64 d), \
                   attention_dot<T>(dout, out, dot, sequences, length, heads, d)) \
    KERNEL_BOUNDED(attention_backward_keys_##suffix, THREADS, \
                   (READS(T), T *dkeys, T *dvalues, i64 dkey_stride, i64 dvalue_stride, SHAPE_PARAMETERS(T)), \
                   attention_backward_keys<T>(dout, queries, keys, values, log_sum_exp, dot, dkeys, dvalues, \
                                              dkey_stride, dvalue_stride, SHAPE(T))) \
    KERNEL_BOUNDED(attention_backward_queries_##suffix, THREADS, \
                   (READS(T), T *dqueries, i64 dquery_stride, SHAPE_PARAMETERS(T)), \
                   attention_backward_queries<T>(dout, queries, keys, values, log_sum_exp, dot, dqueries, \
                                                 dquery_stride, SHAPE(T))) \
    KERNEL_BOUNDED(attention_backward_bias_##suffix, THREADS, (READS(T), wide<T> *parts, SHAPE_PARAMETERS(T)), \
                   attention_backward_bias<T>(dout, queries, keys, values, log_sum_exp, dot, parts, sequences, \
                                              SHAPE(T))) \
    KERNEL(attention_bias_sum_##suffix, (const wide<T> *parts, wide<T> *dbias, i64 heads, i64 width, i64 length), \
           attention_bias_sum<T>(parts, dbias, heads, width, length))
FOR_ACTIVATIONS(K)
#undef K
