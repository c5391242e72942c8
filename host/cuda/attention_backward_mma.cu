// The backward of attention_mma.cu (Dao, FlashAttention-2, arXiv 2307.08691), without atomic additions: one kernel
// gives the gradients of keys and values, the other those of queries, each with its own probabilities. Shapes as in
// attention_backward.cu, whose attention_dot goes before.
//
// Both kernels are one function. A block owns some rows, a warp 16 M of them, and goes through tiles of the others:
// the rows are keys and the others queries, or the reverse. With own rows k, v and others q, dout it has in registers
//     pᵀ = exp(k qᵀ - log_sum_exp), dsᵀ = pᵀ (v doutᵀ - dot), dk += dsᵀ q, dv += pᵀ dout
// and with own rows q, dout and others k, v
//     p = exp(q kᵀ - log_sum_exp), ds = p (dout vᵀ - dot), dq += ds k.
//
//   attention_backward_keys_mma_D     grid (ceil(length / R), kv_heads, sequences)  block 32 W  shared S
//   attention_backward_queries_mma_D  grid (ceil(length / R), heads, sequences)     block 32 W  shared S
// where R = 128 rows, and W, S are: keys 4, 34304 (D = 32); 4, 67072 (64); 8, 132608 (128);
// queries 4, 32768 (32); 4, 65536 (64); 4, 98304 (128).
// More than 48 KiB of shared memory must be allowed first.
#include "attention.cuh"
#include "mma.cuh"

// How a kernel divides its work. Registers decide: they hold what is summed up, f32 [16 M, D] twice for keys and once
// for queries, scores and their gradients, f32 [16 M, CHUNK], and, to read less from shared memory, the own factors.
template <int D, bool KEYS> struct Plan {
    static constexpr int M = KEYS && D == 128 ? 1 : 2, WARPS = KEYS && D == 128 ? 8 : 4, THREADS = 32 * WARPS;
    static constexpr int ROWS = 16 * M * WARPS;
    // Others in a tile, and at once.
    static constexpr int OTHERS = !KEYS && D == 128 ? 32 : 64, CHUNK = KEYS && D >= 64 ? 16 : 32;
    // Whether own factors stay in registers.
    static constexpr bool HOLD = KEYS || D <= 64;
};

// What the kernels read and write, from the first row of the sequence on.
struct Task {
    const bf16 *dout, *qkv; // [length, heads * D], [length, (heads + 2 * kv_heads) * D]
    const float *log_sum_exp, *dot; // [heads, length]
    const u32 *positions; // [length]
    bf16 *dqkv;
    int length, heads, kv_heads;

    template <int D> __device__ int qkv_width() const { return (heads + 2 * kv_heads) * D; }
    template <int D> __device__ int out_width() const { return heads * D; }
};

// Where a block's rows are in shared memory, in elements: own factors [2, ROWS, D], then two stages of tiles of others
// [2, 2, N, D], then what belongs to others that are queries [2, 3, N].
template <int D, bool KEYS> struct Others {
    static constexpr int N = Plan<D, KEYS>::OTHERS, THREADS = Plan<D, KEYS>::THREADS;
    static constexpr int TILES = 2 * Plan<D, KEYS>::ROWS * D, END = TILES + 4 * N * D;
    bf16 *shared;
    int tile;                 // queries, or keys [N, D]; dout, or values follow
    float *log_sum_exp, *dot; // [N]
    u32 *positions;           // [N]

    __device__ Others(bf16 *shared, int stage) : shared(shared), tile(TILES + stage * 2 * N * D) {
        log_sum_exp = (float *)(shared + END) + stage * 3 * N, dot = log_sum_exp + N;
        positions = (u32 *)dot + N;
    }

    // Begins to copy rows `row` on of a query head, or of a key head.
    __device__ void load(const Task &task, int head, int row) {
        const int width = task.qkv_width<D>();
        if constexpr (KEYS) {
            load_async<D, N, THREADS>(shared + tile, task.qkv + head * D, width, row, task.length);
            const bf16 *dout = task.dout + head * D;
            load_async<D, N, THREADS>(shared + tile + N * D, dout, task.out_width<D>(), row, task.length);
            if (threadIdx.x < N) {
                const i64 query = row + threadIdx.x, index = (i64)head * task.length + query;
                const bool inside = query < task.length;
                cp_async_4_zfill(log_sum_exp + threadIdx.x, task.log_sum_exp + index, inside);
                cp_async_4_zfill(dot + threadIdx.x, task.dot + index, inside);
                cp_async_4_zfill(positions + threadIdx.x, task.positions + query, inside);
            }
        } else {
            const bf16 *keys = task.qkv + (task.heads + head) * D;
            load_async<D, N, THREADS>(shared + tile, keys, width, row, task.length);
            load_async<D, N, THREADS>(shared + tile + N * D, keys + task.kv_heads * D, width, row, task.length);
        }
        cp_async_commit();
    }
};

// What a warp sums up over the others.
template <int D, bool KEYS> struct Gradient {
    typedef Plan<D, KEYS> P;
    static constexpr int M = P::M, C = P::CHUNK;
    static constexpr float SCALE = LOG2_E / root<D>();
    typedef float Scores[M][C / 8][4];

    int own, left, right;                    // k or q in shared memory, v or dout follow; this lane's places
    u32 held[2][P::HOLD ? M : 1][D / 16][4]; // the same in registers
    float log_sum_exp[M][2], dot[M][2];      // of this lane's rows, where they are queries
    float sums[KEYS ? 2 : 1][M][D / 8][4];   // dk and dv, or dq; dk and dq without 1 / √D
    int first, first_start, last_start;      // own rows; where they are queries, starts of their documents

    __device__ void begin(const Task &task, const bf16 *shared, int head, int row) {
        const int end = task.length - 1;
        first = row;
        own = threadIdx.x / 32 * 16 * M * D, left = left_place<D>(), right = right_place<D>();
        if constexpr (P::HOLD) {
#pragma unroll
            for (int k = 0; k < D / 16; k++)
#pragma unroll
                for (int m = 0; m < M; m++) {
                    load_factor(shared, 0, m, 16 * k, held[0][m][k]);
                    load_factor(shared, 1, m, 16 * k, held[1][m][k]);
                }
        }
        if constexpr (!KEYS) {
            first_start = document_start(task.positions, min(first, end));
            last_start = document_start(task.positions, min(last(), end));
#pragma unroll
            for (int m = 0; m < M; m++)
#pragma unroll
                for (int half = 0; half < 2; half++) {
                    const i64 query = min(first + 16 * m + 8 * half + (int)threadIdx.x % 32 / 4, end);
                    log_sum_exp[m][half] = task.log_sum_exp[(i64)head * task.length + query] * LOG2_E;
                    dot[m][half] = task.dot[(i64)head * task.length + query];
                }
        }
#pragma unroll
        for (int i = 0; i < (KEYS ? 2 : 1); i++) clear(sums[i]);
    }

    __device__ int last() const { return first + 16 * M - 1; }

    __device__ void load_factor(const bf16 *shared, int which, int m, int k, u32 (&a)[4]) const {
        ldmatrix_x4(a, shared + ((own + left) ^ k) + (which * P::ROWS + 16 * m) * D);
    }

    __device__ void factor(const bf16 *shared, int which, int m, int k, u32 (&a)[4]) const {
        if constexpr (P::HOLD) {
#pragma unroll
            for (int i = 0; i < 4; i++) a[i] = held[which][m][k / 16][i];
        } else {
            load_factor(shared, which, m, k, a);
        }
    }

    // x = own first factor (others' first)ᵀ, y the same of the second, of the others' rows `from` on.
    __device__ void multiply(const Others<D, KEYS> &others, int from, Scores &x, Scores &y) const {
        const bf16 *shared = others.shared;
        const int place = right + others.tile + from * D;
        clear(x);
        clear(y);
#pragma unroll
        for (int k = 0; k < D; k += 16) {
            u32 a[2][M][4], b[4];
#pragma unroll
            for (int m = 0; m < M; m++) factor(shared, 0, m, k, a[0][m]), factor(shared, 1, m, k, a[1][m]);
#pragma unroll
            for (int n = 0; n < C; n += 16) {
                ldmatrix_x4(b, shared + (place ^ k) + n * D);
#pragma unroll
                for (int m = 0; m < M; m++) multiply_add(x[m][n / 8], x[m][n / 8 + 1], a[0][m], b);
                ldmatrix_x4(b, shared + (place ^ k) + (P::OTHERS + n) * D);
#pragma unroll
                for (int m = 0; m < M; m++) multiply_add(y[m][n / 8], y[m][n / 8 + 1], a[1][m], b);
            }
        }
    }

    // Hides from the scores what no query sees; the others' rows are `row` on in the sequence.
    __device__ void mask(const Task &task, const Others<D, KEYS> &others, int from, int row, Scores &x) {
        const int lane = threadIdx.x % 32;
#pragma unroll
        for (int m = 0; m < M; m++)
#pragma unroll
            for (int half = 0; half < 2; half++) {
                const int own_row = first + 16 * m + 8 * half + lane / 4;
                int start = KEYS ? 0 : document_start(task.positions, min(own_row, task.length - 1));
#pragma unroll
                for (int n = 0; n < C / 4; n++) {
                    const int column = n / 2 * 8 + lane % 4 * 2 + n % 2, query = KEYS ? row + column : own_row;
                    const int key = KEYS ? own_row : row + column;
                    if (KEYS) start = query - (int)others.positions[from + column];
                    if (key > query || key < start) x[m][n / 2][2 * half + n % 2] = -INFINITY;
                }
            }
    }

    // Adds C of the others' rows: `from` on of the tile, `row` on of the sequence.
    __device__ void add(const Task &task, const Others<D, KEYS> &others, int from, int row, bool masked) {
        const int lane = threadIdx.x % 32, place = left + others.tile + from * D;
        Scores x, y;
        multiply(others, from, x, y);
        if (masked) mask(task, others, from, row, x);
        u32 p[M][C / 16][4], ds[M][C / 16][4];
#pragma unroll
        for (int n = 0; n < C / 8; n++) {
            float2 column_log, column_dot;
            if constexpr (KEYS) {
                column_log = *(const float2 *)(others.log_sum_exp + from + 8 * n + lane % 4 * 2);
                column_dot = *(const float2 *)(others.dot + from + 8 * n + lane % 4 * 2);
                column_log = {column_log.x * LOG2_E, column_log.y * LOG2_E};
            }
#pragma unroll
            for (int m = 0; m < M; m++)
#pragma unroll
                for (int half = 0; half < 2; half++) {
                    const float *scores = x[m][n] + 2 * half, *dp = y[m][n] + 2 * half;
                    float2 log = column_log, sum = column_dot;
                    if constexpr (!KEYS) {
                        log = {log_sum_exp[m][half], log_sum_exp[m][half]};
                        sum = {dot[m][half], dot[m][half]};
                    }
                    float low = fast_exp2(scores[0] * SCALE - log.x), high = fast_exp2(scores[1] * SCALE - log.y);
                    p[m][n / 2][n % 2 * 2 + half] = pack(low, high);
                    ds[m][n / 2][n % 2 * 2 + half] = pack(low * (dp[0] - sum.x), high * (dp[1] - sum.y));
                }
        }
#pragma unroll
        for (int k = 0; k < C; k += 16)
#pragma unroll
            for (int n = 0; n < D; n += 16) {
                u32 b[4];
                ldmatrix_x4_trans(b, others.shared + (place ^ n) + k * D);
#pragma unroll
                for (int m = 0; m < M; m++) multiply_add(sums[0][m][n / 8], sums[0][m][n / 8 + 1], ds[m][k / 16], b);
                if constexpr (KEYS) {
                    ldmatrix_x4_trans(b, others.shared + (place ^ n) + (P::OTHERS + k) * D);
#pragma unroll
                    for (int m = 0; m < M; m++) multiply_add(sums[1][m][n / 8], sums[1][m][n / 8 + 1], p[m][k / 16], b);
                }
            }
    }

    // Adds a tile, rows `row` on of the sequence.
    __device__ void add_tile(const Task &task, const Others<D, KEYS> &others, int row) {
        bool border = false;
        if constexpr (KEYS) {
            // Queries of later documents see none of the own keys.
            if (row - (int)others.positions[0] > last()) return;
            border = row + P::OTHERS - 1 - (int)others.positions[P::OTHERS - 1] > first;
        }
#pragma unroll 1
        for (int from = 0; from < P::OTHERS; from += C) {
            const int begin = row + from, end = begin + C - 1;
            if (KEYS ? end < first : begin > last() || end < first_start) continue;
            const bool masked = KEYS ? border || begin < last() : end > first || begin < last_start;
            add(task, others, from, begin, masked);
        }
    }

    // sums[which], times `factor`, to column `column` of dqkv.
    __device__ void store(const Task &task, bf16 *shared, int which, float factor, int column) const {
        const int width = task.qkv_width<D>();
        float factors[M][2];
#pragma unroll
        for (int m = 0; m < M; m++) factors[m][0] = factors[m][1] = factor;
        // In place of the own factor.
        bf16 *tile = shared + own + which * P::ROWS * D, *out = task.dqkv + column * D;
        store_rows<D, M>(sums[which], factors, tile, out, width, first, task.length);
    }
};

// Gradients of a tile of keys and values, or of queries.
template <int D, bool KEYS> __device__ void attention_backward_mma(Task task) {
    typedef Plan<D, KEYS> P;
    const int row = (KEYS ? blockIdx.x : gridDim.x - 1 - blockIdx.x) * P::ROWS; // the most others first
    const int head = blockIdx.y, group = task.heads / task.kv_heads;
    const i64 rows = (i64)blockIdx.z * task.length;
    const int qkv_width = task.qkv_width<D>(), out_width = task.out_width<D>();
    task.qkv += rows * qkv_width;
    task.dqkv += rows * qkv_width;
    task.dout += rows * out_width;
    task.log_sum_exp += rows * task.heads;
    task.dot += rows * task.heads;
    task.positions += rows;
    DYNAMIC_SHARED(bf16, shared);

    const bf16 *first = task.qkv + (KEYS ? task.heads + head : head) * D;
    const bf16 *second = KEYS ? first + task.kv_heads * D : task.dout + head * D;
    load_async<D, P::ROWS, P::THREADS>(shared, first, qkv_width, row, task.length);
    load_async<D, P::ROWS, P::THREADS>(shared + P::ROWS * D, second, KEYS ? qkv_width : out_width, row, task.length);
    cp_async_commit();
    // Other rows, and the heads that have them.
    const int begin = KEYS ? row : document_start(task.positions, row) / P::OTHERS * P::OTHERS;
    int other_head = KEYS ? head * group : head / group, other_row = begin;
    Others<D, KEYS>(shared, 0).load(task, other_head, other_row);
    const int heads_end = KEYS ? other_head + group : other_head + 1, last = min(row + P::ROWS, task.length) - 1;
    const int end = KEYS ? document_end(task.positions, last, task.length) : last + 1;
    cp_async_wait<1>();
    __syncthreads();
    Gradient<D, KEYS> gradient;
    gradient.begin(task, shared, head, row + threadIdx.x / 32 * 16 * P::M);

    for (int stage = 0; other_head < heads_end; stage ^= 1) {
        const int this_row = other_row;
        other_row += P::OTHERS;
        if (other_row >= end) other_row = begin, other_head++;
        cp_async_wait<0>();
        // This tile is there for all, and nobody reads the other one any more.
        __syncthreads();
        if (other_head < heads_end) Others<D, KEYS>(shared, stage ^ 1).load(task, other_head, other_row);
        gradient.add_tile(task, Others<D, KEYS>(shared, stage), this_row);
    }
    constexpr float SCALE = 1 / root<D>();
    gradient.store(task, shared, 0, SCALE, KEYS ? task.heads + head : head);
    if constexpr (KEYS) gradient.store(task, shared, 1, 1, task.heads + task.kv_heads + head);
}

#define PARAMETERS \
    const bf16 *dout, const bf16 *qkv, const float *log_sum_exp, const float *dot, const u32 *positions, bf16 *dqkv, \
        i64 sequences, i64 length, i64 heads, i64 kv_heads
#define TASK {dout, qkv, log_sum_exp, dot, positions, dqkv, (int)length, (int)heads, (int)kv_heads}
#define K(D) \
    KERNEL_BOUNDED(attention_backward_keys_mma_##D, (Plan<D, true>::THREADS), (PARAMETERS), \
                   attention_backward_mma<D, true>(TASK)) \
    KERNEL_BOUNDED(attention_backward_queries_mma_##D, (Plan<D, false>::THREADS), (PARAMETERS), \
                   attention_backward_mma<D, false>(TASK))
K(32)
K(64)
K(128)
#undef K
