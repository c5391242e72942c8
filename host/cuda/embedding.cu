// x = token vector, plus a position vector and a token type's in models that learn those. Tables are in the wide format S, as is x.
//
// Launch, without dynamic shared memory:
// embedding_forward, embedding_backward: any grid, blocks of 256; a warp takes a row.
// embedding_backward_ordered: one block of 256 per row.
#include "common.cuh"

constexpr int THREADS = 256;

// A row of a table for each row; without a table both are null.
template <typename S> struct Lookup {
    const u32 *index;
    const S *table;
};

// out [rows, width] = first.table[first.index[row]] + second… + third…; tables [entries, width]. The second and third may
// be null. Every index must be inside its table.
template <int N, typename S>
__device__ void embedding_rows(Lookup<S> first, Lookup<S> second, Lookup<S> third, S *out, i64 rows, i64 width) {
    auto row_of = [=](Lookup<S> lookup, i64 row) {
        return lookup.table ? lookup.table + lookup.index[row] * width : nullptr;
    };
    for (i64 row = thread_index() / 32; row < rows; row += thread_count() / 32) {
        const S *a = row_of(first, row), *b = row_of(second, row), *c = row_of(third, row);
#pragma unroll 4
        for (i64 i = threadIdx.x % 32; i < width / N; i += 32) {
            Pack<S, N> values = load<N>(a, i), more = {}, most = {};
            if (b) more = load<N>(b, i);
            for (int k = 0; k < N; k++) values.value[k] += more.value[k];
            if (c) {
                most = load<N>(c, i);
                for (int k = 0; k < N; k++) values.value[k] += most.value[k];
            }
            store(out + row * width, i, values);
        }
    }
}
template <typename S>
__device__ void embedding_forward(Lookup<S> first, Lookup<S> second, Lookup<S> third, S *out, i64 rows, i64 width) {
    constexpr int N = 16 / sizeof(S);
    if (width % N == 0 && aligned(first.table, second.table, third.table, out))
        embedding_rows<N>(first, second, third, out, rows, width);
    else
        embedding_rows<1>(first, second, third, out, rows, width);
}
#define K(S, suffix) \
    KERNEL(embedding_forward_##suffix, \
           (const u32 *ids, const S *tokens, const u32 *at, const S *positions, const u32 *type, const S *types, S *out, \
            i64 rows, i64 width), \
           embedding_forward<S>({ids, tokens}, {at, positions}, {type, types}, out, rows, width))
FOR_PARAMETERS(K)
#undef K

// table[ids[row]] += dx[row]; dx [rows, width]. Rows of one id are added atomically, in any order: the last bits of the
// sums differ between runs.
template <typename S> __device__ void embedding_backward(const u32 *ids, const S *dx, S *table, i64 rows, i64 width) {
    for (i64 row = thread_index() / 32; row < rows; row += thread_count() / 32) {
        S *sum = table + ids[row] * width;
#pragma unroll 4
        for (i64 i = threadIdx.x % 32; i < width; i += 32) atomicAdd(sum + i, dx[row * width + i]);
    }
}
#define K(S, suffix) \
    KERNEL(embedding_backward_##suffix, (const u32 *ids, const S *dx, S *table, i64 rows, i64 width), \
           embedding_backward(ids, dx, table, rows, width))
FOR_PARAMETERS(K)
#undef K

// Whether an earlier row has the id of `row`: each thread looks at some, all learn the answer.
__device__ inline bool seen_before(const u32 *ids, i64 row) {
    constexpr int UNROLL = 16;
    u32 id = ids[row];
    for (i64 start = 0; start < row; start += UNROLL * THREADS) {
        int found = 0;
#pragma unroll
        for (int u = 0; u < UNROLL; u++) {
            i64 other = start + u * THREADS + threadIdx.x;
            if (other < row) found |= ids[other] == id;
        }
        if (__syncthreads_or(found)) return true;
    }
    return false;
}

// Rows that a block looks through at a time for those with its id.
constexpr int BATCH = 4, WINDOW = BATCH * THREADS;

// Those of the rows from `start` to `start + WINDOW` whose id is `id`, less `start`, in their order, into `list`;
// returns how many.
__device__ inline int matches(const u32 *ids, u32 id, i64 start, i64 rows, int *list) {
    __shared__ int counts[BATCH][THREADS / 32];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, count = 0;
    u32 votes[BATCH];
#pragma unroll
    for (int b = 0; b < BATCH; b++) {
        i64 row = start + b * THREADS + threadIdx.x;
        votes[b] = __ballot_sync(0xffffffffu, row < rows && ids[row] == id);
    }
    __syncthreads();  // nobody reads the last list any more
#pragma unroll
    for (int b = 0; b < BATCH; b++)
        if (lane == 0) counts[b][warp] = __popc(votes[b]);
    __syncthreads();
#pragma unroll
    for (int b = 0; b < BATCH; b++)
        for (int w = 0; w < THREADS / 32; w++) {
            int before = count + __popc(votes[b] & ((1u << lane) - 1));
            if (w == warp && (votes[b] >> lane & 1)) list[before] = b * THREADS + threadIdx.x;
            count += counts[b][w];
        }
    __syncthreads();
    return count;
}

// The same in the order of rows, each sum by one block: that of the first row with the id.
template <int N, typename S>
__device__ void add_in_order(const u32 *ids, const S *dx, S *table, i64 rows, i64 width, int *list) {
    u32 id = ids[blockIdx.x];
    S *sum = table + id * width;
    for (i64 start = blockIdx.x; start < rows; start += WINDOW) {
        int count = matches(ids, id, start, rows, list);
        for (i64 i = threadIdx.x; count > 0 && i < width / N; i += THREADS) {
            Pack<S, N> total = load<N>(sum, i);
#pragma unroll 8
            for (int m = 0; m < count; m++) {
                Pack<S, N> value = load<N>(dx + (start + list[m]) * width, i);
                for (int k = 0; k < N; k++) total.value[k] += value.value[k];
            }
            store(sum, i, total);
        }
    }
}
template <typename S>
__device__ void embedding_backward_ordered(const u32 *ids, const S *dx, S *table, i64 rows, i64 width) {
    __shared__ int list[WINDOW];
    if (blockIdx.x >= rows || seen_before(ids, blockIdx.x)) return;
    constexpr int N = 16 / sizeof(S);
    if (width % N == 0 && aligned(dx, table)) add_in_order<N>(ids, dx, table, rows, width, list);
    else add_in_order<1>(ids, dx, table, rows, width, list);
}
#define K(S, suffix) \
    KERNEL_BOUNDED(embedding_backward_ordered_##suffix, THREADS, \
                   (const u32 *ids, const S *dx, S *table, i64 rows, i64 width), \
                   embedding_backward_ordered(ids, dx, table, rows, width))
FOR_PARAMETERS(K)
#undef K
