// Causal self-attention in bf16 on tensor cores for head widths D of 32, 64 and 128, without dropout: the forward of
// FlashAttention-2 (Dao, arXiv 2307.08691). Shapes as in attention.cu.
//
// A block has 128 queries of one head, a warp 32 of them: each fragment of keys or values that a warp reads from shared
// memory serves two products. Tiles of keys and values are copied in the background, one ahead. Scores and
// probabilities stay in registers. Only tiles on the diagonal or on the border of a document are masked.
//
//   attention_forward_mma_D  grid (ceil(length / 128), heads, sequences)  block 128  shared 768 D, 512 D for 128
// More than 48 KiB of shared memory must be allowed first.
#include "attention.cuh"
#include "mma.cuh"

constexpr int WARPS = 4, M = 2, WARP_QUERIES = 16 * M, QUERIES = WARPS * WARP_QUERIES;
// Keys of a tile: with more, wide heads do not leave room in the registers.
template <int D> constexpr int KEYS = D == 128 ? 32 : 64;
// Maxima are only raised, and what was summed scaled down, where exponentials would pass 2^8.
constexpr float HEADROOM = 8;

template <int D> using Scores = float[M][KEYS<D> / 8][4];

// The queries of one warp. Those past the end are taken for the last one, and not stored.
struct Queries {
    const u32 *positions; // of the sequence
    int length, first, last;

    __device__ Queries(const u32 *positions, int length, int first)
        : positions(positions), length(length), first(first), last(min(first + WARP_QUERIES, length) - 1) {}
    __device__ int start(int query) const { return document_start(positions, min(query, length - 1)); }
};

// scores = queries keysᵀ, unscaled; this lane's places of the warp's queries and of a tile of keys in `shared`.
template <int D>
__device__ inline void multiply_keys(const bf16 *shared, int query_place, int key_place, Scores<D> &scores) {
    clear(scores);
#pragma unroll
    for (int k = 0; k < D; k += 16) {
        u32 a[M][4], b[4];
#pragma unroll
        for (int m = 0; m < M; m++) ldmatrix_x4(a[m], shared + (query_place ^ k) + 16 * m * D);
#pragma unroll
        for (int n = 0; n < KEYS<D>; n += 16) {
            ldmatrix_x4(b, shared + (key_place ^ k) + n * D);
#pragma unroll
            for (int m = 0; m < M; m++) multiply_add(scores[m][n / 8], scores[m][n / 8 + 1], a[m], b);
        }
    }
}

// Hides the keys, `key` on, that a query does not see.
template <int D> __device__ inline void mask(const Queries &queries, int key, Scores<D> &scores) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const int query = queries.first + 16 * m + 8 * half + lane / 4, start = queries.start(query);
#pragma unroll
            for (int n = 0; n < KEYS<D> / 4; n++) {
                int column = key + n / 2 * 8 + lane % 4 * 2 + n % 2;
                if (column > query || column < start) scores[m][n / 2][2 * half + n % 2] = -INFINITY;
            }
        }
}

// Softmax over the keys so far.
template <int D> struct Softmax {
    static constexpr float SCALE = LOG2_E / root<D>();
    float out[M][D / 8][4], highest[M][2], total[M][2]; // total of this lane's columns

    __device__ void begin() {
        clear(out);
#pragma unroll
        for (int m = 0; m < M; m++) {
            highest[m][0] = highest[m][1] = LOWEST;
            total[m][0] = total[m][1] = 0;
        }
    }

    // Raises `highest` where these scores are much higher.
    __device__ void raise(const Scores<D> &scores) {
        float above[M][2];
        bool rises = false;
#pragma unroll
        for (int m = 0; m < M; m++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                float most = highest[m][half];
#pragma unroll
                for (int n = 0; n < KEYS<D> / 8; n++)
                    most = fmaxf(most, fmaxf(scores[m][n][2 * half], scores[m][n][2 * half + 1]));
                most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, 1));
                most = fmaxf(most, __shfl_xor_sync(0xffffffffu, most, 2));
                above[m][half] = most;
                rises |= (most - highest[m][half]) * SCALE > HEADROOM;
            }
        if (!__any_sync(0xffffffffu, rises)) return;
#pragma unroll
        for (int m = 0; m < M; m++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                float correction = fast_exp2((highest[m][half] - above[m][half]) * SCALE);
                highest[m][half] = above[m][half];
                total[m][half] *= correction;
#pragma unroll
                for (int n = 0; n < D / 8; n++) {
                    out[m][n][2 * half] *= correction;
                    out[m][n][2 * half + 1] *= correction;
                }
            }
    }

    // Adds keys with these scores; `value_place` is this lane's of a tile of values in `shared`.
    __device__ void add(const Scores<D> &scores, const bf16 *shared, int value_place) {
        raise(scores);
        u32 p[M][KEYS<D> / 16][4];
#pragma unroll
        for (int m = 0; m < M; m++)
#pragma unroll
            for (int n = 0; n < KEYS<D> / 8; n++)
#pragma unroll
                for (int half = 0; half < 2; half++) {
                    const float *two = scores[m][n] + 2 * half, least = highest[m][half] * SCALE;
                    float low = fast_exp2(two[0] * SCALE - least), high = fast_exp2(two[1] * SCALE - least);
                    total[m][half] += low + high;
                    p[m][n / 2][n % 2 * 2 + half] = pack(low, high);
                }
#pragma unroll
        for (int k = 0; k < KEYS<D>; k += 16)
#pragma unroll
            for (int n = 0; n < D; n += 16) {
                u32 b[4];
                ldmatrix_x4_trans(b, shared + (value_place ^ n) + k * D);
#pragma unroll
                for (int m = 0; m < M; m++) multiply_add(out[m][n / 8], out[m][n / 8 + 1], p[m][k / 16], b);
            }
    }
};

template <int D>
__device__ void attention_forward_mma(const bf16 *qkv, const u32 *positions, bf16 *out, float *log_sum_exp, int length,
                                      int heads, int kv_heads) {
    constexpr int THREADS = 32 * WARPS, N = KEYS<D>;
    const int head = blockIdx.y, kv_head = head / (heads / kv_heads), warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    // The last tile sees the most keys: first.
    const int first = (gridDim.x - 1 - blockIdx.x) * QUERIES, warp_first = first + warp * WARP_QUERIES;
    const i64 sequence = blockIdx.z;
    const int width = (heads + 2 * kv_heads) * D, out_width = heads * D;
    qkv += sequence * length * width;
    positions += sequence * length;
    const bf16 *keys = qkv + (heads + kv_head) * D, *values = keys + kv_heads * D;
    DYNAMIC_SHARED(bf16, shared);
    bf16 *query_tile = shared, *warp_tile = query_tile + warp * WARP_QUERIES * D; // [QUERIES, D]
    bf16 *key_tiles = query_tile + QUERIES * D, *value_tiles = key_tiles + 2 * N * D; // [2, N, D]
    const int left = left_place<D>(), right = right_place<D>();

    const int begin = document_start(positions, first) / N * N, end = min(first + QUERIES, length);
    load_async<D, QUERIES, THREADS>(query_tile, qkv + head * D, width, first, length);
    load_async<D, N, THREADS>(key_tiles, keys, width, begin, length);
    load_async<D, N, THREADS>(value_tiles, values, width, begin, length);
    cp_async_commit();
    const Queries queries(positions, length, warp_first);
    const int first_start = queries.start(warp_first), last_start = queries.start(queries.last);
    Softmax<D> softmax;
    softmax.begin();
    int stage = 0;
    for (int key = begin; key < end; key += N, stage ^= 1) {
        cp_async_wait<0>();
        // This tile is there for all, and nobody reads the other one any more.
        __syncthreads();
        if (key + N < end) {
            load_async<D, N, THREADS>(key_tiles + (stage ^ 1) * N * D, keys, width, key + N, length);
            load_async<D, N, THREADS>(value_tiles + (stage ^ 1) * N * D, values, width, key + N, length);
            cp_async_commit();
        }
        if (warp_first >= length || key > queries.last || key + N <= first_start) continue;
        Scores<D> scores;
        const int key_tile = key_tiles - shared + stage * N * D, value_tile = key_tile + 2 * N * D;
        multiply_keys<D>(shared, left + warp * WARP_QUERIES * D, right + key_tile, scores);
        if (key + N - 1 > queries.first || key < last_start) mask<D>(queries, key, scores);
        softmax.add(scores, shared, left + value_tile);
    }
    float inverse[M][2];
#pragma unroll
    for (int m = 0; m < M; m++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            float total = softmax.total[m][half];
            total += __shfl_xor_sync(0xffffffffu, total, 1);
            total += __shfl_xor_sync(0xffffffffu, total, 2);
            inverse[m][half] = 1 / total;
            int row = warp_first + 16 * m + 8 * half + lane / 4;
            if (lane % 4 == 0 && row < length)
                log_sum_exp[(sequence * heads + head) * length + row] =
                    softmax.highest[m][half] * (softmax.SCALE * LN_2) + logf(total);
        }
    store_rows<D, M>(softmax.out, inverse, warp_tile, out + sequence * length * out_width + head * D, out_width,
                     warp_first, length);
}

#define K(D) \
    KERNEL_BOUNDED(attention_forward_mma_##D, 32 * WARPS, \
                   (const bf16 *qkv, const u32 *positions, bf16 *out, float *log_sum_exp, i64 sequences, i64 length, \
                    i64 heads, i64 kv_heads), \
                   attention_forward_mma<D>(qkv, positions, out, log_sum_exp, (int)length, (int)heads, (int)kv_heads))
K(32)
K(64)
K(128)
#undef K
