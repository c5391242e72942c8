// Attention for any head width d up to 256 in every number format: forward, and new positions with a cache. Softmax
// over tiles of keys, so that no [length, length] matrix exists (Dao, FlashAttention-2, arXiv 2307.08691).
// host/src/ops/attention is the reference, attention_mma.cu the fast path.
//
// Per sequence: queries [length, heads * d], keys and values [key_length, kv_heads * d], whose rows are as many
// elements apart as their strides say; out [length, heads * d]. log_sum_exp [sequences, heads, length]; offsets
// [sequences * length], 0 where a document begins; valid [sequences]: keys that are seen.
//
// A tile has N positions: 32, or 16 for f64. `s` is the number of bytes of wide<T>, e = d | 1.
//   attention_forward  grid (ceil(length / N), heads, sequences)  block 256  shared s * N * (2 e + N + 1)
//   attention_cached   grid heads                                 block 512  shared s * 16 * d
//   attention_append   any grid of one dimension                  block 256  shared 0
// More than 48 KiB of shared memory must be allowed first.
#include "attention.cuh"

constexpr int CACHED_WARPS = 16;

// Sum and maximum over the threads of a row.
template <typename S> __device__ S row_sum(S x) {
    for (int distance = SIDE / 2; distance > 0; distance /= 2) x += __shfl_xor_sync(0xffffffffu, x, distance);
    return x;
}

template <typename S> __device__ S row_max(S x) {
    for (int distance = SIDE / 2; distance > 0; distance /= 2) {
        S other = __shfl_xor_sync(0xffffffffu, x, distance);
        x = other > x ? other : x;
    }
    return x;
}

template <typename T>
__device__ void attention_forward(const T *queries_in, const T *keys, const T *values, T *out, wide<T> *log_sum_exp,
                                  Shape<wide<T>> shape) {
    typedef wide<T> S;
    constexpr int N = TILE<S>, R = N / SIDE;
    const int length = shape.length, row = threadIdx.x / SIDE, column = threadIdx.x % SIDE;
    const int head = blockIdx.y, kv_head = head / (shape.heads / shape.kv_heads), key_rows = shape.key_length;
    // The last tile sees the most keys: first.
    const int first = (gridDim.x - 1 - blockIdx.x) * N, last = min(first + N, length) - 1;
    const i64 sequence = blockIdx.z;
    queries_in += sequence * length * shape.query_stride + head * shape.d;
    keys += sequence * key_rows * shape.key_stride + kv_head * shape.d;
    values += sequence * key_rows * shape.value_stride + kv_head * shape.d;
    shape.enter(sequence);
    DYNAMIC_SHARED(S, queries);
    S *tile = queries + N * shape.stride(), *p = tile + N * shape.stride();
    __shared__ int query_starts[N], key_starts[N];

    load_tile(shape, queries_in, shape.query_stride, length, first, queries);
    load_starts<N>(shape.offsets, length, first, -1, query_starts);
    Accumulator<S> sum;
    sum.clear();
    S highest[R], total[R];
    for (int i = 0; i < R; i++) highest[i] = LOWEST, total[i] = 0;
    const int end = end_of_keys(shape, last);
    for (int key = first_key(shape, first) / N * N; key < end; key += N) {
        __syncthreads();
        load_tile(shape, keys, shape.key_stride, shape.key_length, key, tile);
        load_starts<N>(shape.offsets, shape.key_length, key, -2, key_starts);
        __syncthreads();
        S scores[R][R];
        multiply(shape, queries, tile, scores);
        __syncthreads();
        load_tile(shape, values, shape.value_stride, shape.key_length, key, tile);
#pragma unroll
        for (int i = 0; i < R; i++) {
            int r = row + i * SIDE, start = query_starts[r];
            bool seen[R];
            S above = highest[i], part = 0;
            for (int j = 0; j < R; j++) {
                int c = column + j * SIDE;
                seen[j] = sees(shape, first + r, start, key + c, key_starts[c]);
                if (!seen[j]) continue;
                scores[i][j] = score(shape, head, first + r, key + c, scores[i][j]);
                if (scores[i][j] > above) above = scores[i][j];
            }
            above = row_max(above);
            for (int j = 0; j < R; j++) {
                int c = column + j * SIDE;
                S exponential = seen[j] ? exp(scores[i][j] - above) : S(0);
                part += exponential;
                if (seen[j])
                    exponential *= dropped(shape, key_rows, sequence, head, first + r, start, key + c);
                p[r * (N + 1) + c] = exponential;
            }
            S correction = exp(highest[i] - above);
            total[i] = total[i] * correction + row_sum(part);
            highest[i] = above;
            sum.scale(i, correction);
        }
        __syncthreads();
        sum.add(shape, p, N + 1, 1, tile);
    }
    S inverse[R];
    for (int i = 0; i < R; i++) {
        int query = first + row + i * SIDE;
        // Of a source of no rows nothing is seen.
        inverse[i] = total[i] > 0 ? S(1) / total[i] : S(0);
        if (column == 0 && query < length)
            log_sum_exp[(sequence * shape.heads + head) * length + query] = highest[i] + log(total[i]);
    }
    out += sequence * length * shape.out_width() + head * shape.d;
    sum.store(shape, inverse, out, shape.out_width(), length, first);
}

// New rows of one sequence: their keys and values [rows, kv_width] into the cache [context, 2 * kv_width], whose row
// `position` is the first that is written.
template <typename T>
__device__ void attention_append(const T *keys, const T *values, T *cache, i64 key_stride, i64 value_stride, i64 rows,
                                 i64 kv_width, i64 position) {
    for (i64 i = thread_index(); i < rows * kv_width; i += thread_count()) {
        i64 row = i / kv_width, k = i % kv_width;
        T *to = cache + (position + row) * 2 * kv_width + k;
        to[0] = keys[row * key_stride + k];
        to[kv_width] = values[row * value_stride + k];
    }
}

// One new position of one sequence: out [1, heads * d] from a query [1, heads * d], its key and value [1, kv_heads * d]
// and the rows before it in cache [context, 2 * kv_heads * d], whose row `position` is written. Each warp goes through
// every 16th key.
template <typename T>
__device__ void attention_cached(const T *query, const T *new_key, const T *new_value, T *cache, T *out,
                                 Shape<wide<T>> shape) {
    typedef wide<T> S;
    constexpr int C = WIDEST / 32;
    const int heads = shape.heads, kv_heads = shape.kv_heads, d = shape.d, newest = shape.before;
    const int head = blockIdx.x, group = heads / kv_heads, kv_head = head / group;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const i64 width = 2 * kv_heads * d;
    query += head * d, new_key += kv_head * d, new_value += kv_head * d;
    T *keys = cache + kv_head * d, *values = keys + kv_heads * d;
    DYNAMIC_SHARED(S, parts); // [CACHED_WARPS, d]
    __shared__ S highests[CACHED_WARPS], totals[CACHED_WARPS];

    // No block reads this row now: heads of one group run in different blocks.
    if (head % group == 0)
        for (int k = threadIdx.x; k < d; k += blockDim.x) {
            keys[newest * width + k] = new_key[k];
            values[newest * width + k] = new_value[k];
        }
    S q[C], sum[C], highest = LOWEST, total = 0;
    // The scale goes into the query.
    const S scale = shape.scale;
    shape.scale = 1;
#pragma unroll
    for (int c = 0; c < C; c++) q[c] = lane + c * 32 < d ? widen(query[lane + c * 32]) * scale : S(0), sum[c] = 0;
    for (int j = first_key(shape, 0) + warp; j <= newest; j += CACHED_WARPS) {
        const T *key = j < newest ? keys + j * width : new_key, *value = j < newest ? values + j * width : new_value;
        S product = 0;
#pragma unroll
        for (int c = 0; c < C; c++)
            if (lane + c * 32 < d) product += q[c] * widen(key[lane + c * 32]);
        const S x = score(shape, head, 0, j, warp_sum(product));
        S above = x > highest ? x : highest, correction = exp(highest - above), p = exp(x - above);
        highest = above;
        total = total * correction + p;
#pragma unroll
        for (int c = 0; c < C; c++)
            if (lane + c * 32 < d) sum[c] = sum[c] * correction + p * widen(value[lane + c * 32]);
    }
#pragma unroll
    for (int c = 0; c < C; c++)
        if (lane + c * 32 < d) parts[warp * d + lane + c * 32] = sum[c];
    if (lane == 0) highests[warp] = highest, totals[warp] = total;
    __syncthreads();
    S above = LOWEST;
    for (int w = 0; w < CACHED_WARPS; w++) above = highests[w] > above ? highests[w] : above;
    total = 0;
    for (int w = 0; w < CACHED_WARPS; w++) total += totals[w] * exp(highests[w] - above);
    for (int k = threadIdx.x; k < d; k += blockDim.x) {
        S value = 0;
        for (int w = 0; w < CACHED_WARPS; w++) value += parts[w * d + k] * exp(highests[w] - above);
        out[head * d + k] = narrow<T>(value / total);
    }
}

#define K(T, suffix) \
    KERNEL_BOUNDED(attention_forward_##suffix, THREADS, \
                   (const T *queries, const T *keys, const T *values, T *out, wide<T> *log_sum_exp, \
                    SHAPE_PARAMETERS(T)), \
                   attention_forward<T>(queries, keys, values, out, log_sum_exp, SHAPE(T))) \
    KERNEL_BOUNDED(attention_cached_##suffix, 512, \
                   (const T *queries, const T *keys, const T *values, T *cache, T *out, SHAPE_PARAMETERS(T)), \
                   attention_cached<T>(queries, keys, values, cache, out, SHAPE(T))) \
    KERNEL(attention_append_##suffix, \
           (const T *keys, const T *values, T *cache, i64 key_stride, i64 value_stride, i64 rows, i64 kv_width, \
            i64 position), \
           attention_append<T>(keys, values, cache, key_stride, value_stride, rows, kv_width, position))
FOR_ACTIVATIONS(K)
#undef K
