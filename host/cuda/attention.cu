// Self-attention for any head width d up to 256 in every number format: forward, and one new position with a cache.
// Softmax over tiles of keys, so that no [length, length] matrix exists (Dao, FlashAttention-2, arXiv 2307.08691).
// host/src/ops/attention is the reference, attention_mma.cu the fast path.
//
// qkv [sequences * length, (heads + 2 * kv_heads) * d]; out [sequences * length, heads * d];
// log_sum_exp [sequences, heads, length]; positions [sequences * length]. A row at position 0 begins a document.
//
// A tile has N positions: 32, or 16 for f64. `s` is the number of bytes of wide<T>, e = d | 1.
//   attention_forward  grid (ceil(length / N), heads, sequences)  block 256  shared s * N * (2 e + N + 1)
//   attention_cached   grid heads                                 block 512  shared s * 16 * d
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
__device__ void attention_forward(const T *qkv, const u32 *positions, T *out, wide<T> *log_sum_exp, Shape shape) {
    typedef wide<T> S;
    constexpr int N = TILE<S>, R = N / SIDE;
    const int d = shape.d, length = shape.length, row = threadIdx.x / SIDE, column = threadIdx.x % SIDE;
    const int head = blockIdx.y, kv_head = head / (shape.heads / shape.kv_heads);
    // The last tile sees the most keys: first.
    const int first = (gridDim.x - 1 - blockIdx.x) * N, last = min(first + N, length) - 1;
    const i64 sequence = blockIdx.z, width = shape.qkv_width();
    qkv += sequence * length * width;
    positions += sequence * length;
    const T *keys = qkv + (shape.heads + kv_head) * d, *values = keys + shape.kv_heads * d;
    DYNAMIC_SHARED(S, queries);
    S *tile = queries + N * shape.stride(), *p = tile + N * shape.stride();
    __shared__ int query_starts[N], key_starts[N];

    load_tile(shape, qkv + head * d, width, first, queries);
    load_starts<N>(shape, positions, first, -1, query_starts);
    Accumulator<S> sum;
    sum.clear();
    S highest[R], total[R], scale = S(1) / sqrt(S(d));
    for (int i = 0; i < R; i++) highest[i] = LOWEST, total[i] = 0;
    const int end = shape.causal ? last + 1 : document_end(positions, last, length);
    for (int key = document_start(positions, first) / N * N; key < end; key += N) {
        __syncthreads();
        load_tile(shape, keys, width, key, tile);
        load_starts<N>(shape, positions, key, -2, key_starts);
        __syncthreads();
        S scores[R][R];
        multiply(shape, queries, tile, scores);
        __syncthreads();
        load_tile(shape, values, width, key, tile);
#pragma unroll
        for (int i = 0; i < R; i++) {
            int r = row + i * SIDE, start = query_starts[r];
            bool seen[R];
            S above = highest[i], part = 0;
            for (int j = 0; j < R; j++) {
                int c = column + j * SIDE;
                seen[j] = sees(shape, first + r, start, key + c, key_starts[c]);
                scores[i][j] *= scale;
                if (seen[j] && scores[i][j] > above) above = scores[i][j];
            }
            above = row_max(above);
            for (int j = 0; j < R; j++) {
                int c = column + j * SIDE;
                S exponential = seen[j] ? exp(scores[i][j] - above) : S(0);
                part += exponential;
                if (seen[j])
                    exponential *= dropped<S>(shape, sequence, head, first + r, start, key + c);
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
        inverse[i] = S(1) / total[i];
        if (column == 0 && query < length)
            log_sum_exp[(sequence * shape.heads + head) * length + query] = highest[i] + log(total[i]);
    }
    sum.store(shape, inverse, out + sequence * length * shape.out_width() + head * d, shape.out_width(), first);
}

// One new position of one sequence: out [1, heads * d] from qkv [1, (heads + 2 * kv_heads) * d] and the rows before it
// in cache [context, 2 * kv_heads * d], whose row *position is written. Each warp goes through every 16th key.
template <typename T>
__device__ void attention_cached(const T *qkv, T *cache, const u32 *position, T *out, int heads, int kv_heads, int d) {
    typedef wide<T> S;
    constexpr int C = WIDEST / 32;
    const int head = blockIdx.x, group = heads / kv_heads, kv_head = head / group, newest = *position;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const i64 width = 2 * kv_heads * d;
    const T *query = qkv + head * d, *new_key = qkv + (heads + kv_head) * d, *new_value = new_key + kv_heads * d;
    T *keys = cache + kv_head * d, *values = keys + kv_heads * d;
    DYNAMIC_SHARED(S, parts); // [CACHED_WARPS, d]
    __shared__ S highests[CACHED_WARPS], totals[CACHED_WARPS];

    // Nobody reads this row now: heads of one group run in different blocks.
    if (head % group == 0)
        for (int k = threadIdx.x; k < d; k += blockDim.x) {
            keys[newest * width + k] = new_key[k];
            values[newest * width + k] = new_value[k];
        }
    S q[C], sum[C], highest = LOWEST, total = 0, scale = S(1) / sqrt(S(d));
#pragma unroll
    for (int c = 0; c < C; c++) q[c] = lane + c * 32 < d ? widen(query[lane + c * 32]) * scale : S(0), sum[c] = 0;
    for (int j = warp; j <= newest; j += CACHED_WARPS) {
        const T *key = j < newest ? keys + j * width : new_key, *value = j < newest ? values + j * width : new_value;
        S score = 0;
#pragma unroll
        for (int c = 0; c < C; c++)
            if (lane + c * 32 < d) score += q[c] * widen(key[lane + c * 32]);
        score = warp_sum(score);
        S above = score > highest ? score : highest, correction = exp(highest - above), p = exp(score - above);
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
                   (const T *qkv, const u32 *positions, T *out, wide<T> *log_sum_exp, SHAPE_PARAMETERS), \
                   attention_forward<T>(qkv, positions, out, log_sum_exp, SHAPE)) \
    KERNEL_BOUNDED(attention_cached_##suffix, 512, \
                   (const T *qkv, T *cache, const u32 *position, T *out, i64 heads, i64 kv_heads, i64 d, i64 context), \
                   attention_cached<T>(qkv, cache, position, out, (int)heads, (int)kv_heads, (int)d))
FOR_ACTIVATIONS(K)
#undef K
