// Sums over rows: the gradients of biases, and the second half of every sum that blocks begin.
//
// Launch, without dynamic shared memory:
// column_sums: grid (ceil(columns / C), parts), blocks of 256; C = 512 / sizeof(T): 128 f32, 64 f64, 256 bf16.
// add_partials: grid ceil(columns / 32), blocks of 1024.
#include "common.cuh"

constexpr int COLUMN_WARPS = 8;

// partial[part, j] = Σ x[row, j] over the rows of the part: eight neighbours at 8 blockIdx.y, one per warp, and again
// every 8 gridDim.y rows. x [rows, columns], rows `stride` elements apart, partial [gridDim.y, columns]. A lane sums N
// neighbouring columns.
template <typename T>
__device__ void column_sums(const T *x, i64 stride, wide<T> *partial, i64 rows, i64 columns) {
    typedef wide<T> S;
    constexpr int N = 16 / sizeof(T), BATCH = 4;  // BATCH rows are under way together
    __shared__ S sums[COLUMN_WARPS][32 * N];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    i64 first = (i64)blockIdx.x * 32 * N, step = (i64)gridDim.y * COLUMN_WARPS;
    bool packed = columns % N == 0 && stride % N == 0 && aligned(x);
    i64 pack = first / N + lane, packs = columns / N;
    S sum[N] = {};
    for (i64 row = (i64)blockIdx.y * COLUMN_WARPS + warp; row < rows; row += BATCH * step) {
        Pack<T, N> values[BATCH] = {};
#pragma unroll
        for (int b = 0; b < BATCH; b++) {
            i64 at = row + b * step;
            if (at >= rows) continue;
            if (packed && pack < packs) values[b] = load<N>(x + at * stride, pack);
            for (int k = 0; k < N && !packed; k++)
                if (first + lane * N + k < columns) values[b].value[k] = x[at * stride + first + lane * N + k];
        }
#pragma unroll
        for (int b = 0; b < BATCH; b++)
            for (int k = 0; k < N; k++) sum[k] += widen(values[b].value[k]);
    }
    for (int k = 0; k < N; k++) sums[warp][lane * N + k] = sum[k];
    __syncthreads();
    for (int j = threadIdx.x; j < 32 * N && first + j < columns; j += blockDim.x) {
        S total = 0;
        for (int w = 0; w < COLUMN_WARPS; w++) total += sums[w][j];
        partial[blockIdx.y * columns + first + j] = total;
    }
}
#define K(T, suffix) \
    KERNEL_BOUNDED(column_sums_##suffix, 32 * COLUMN_WARPS, \
                   (const T *x, i64 stride, wide<T> *partial, i64 rows, i64 columns), \
                   column_sums(x, stride, partial, rows, columns))
FOR_ACTIVATIONS(K)
#undef K

// out[j] += Σ partial[part * stride + j] over the parts: warp w takes parts w, w + 32, ..., then the warps' sums are
// added in their order. out [columns].
template <typename S> __device__ void add_partials(const S *partial, i64 parts, i64 stride, i64 columns, S *out) {
    __shared__ S sums[32][33];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    i64 column = (i64)blockIdx.x * 32 + lane;
    S sum = 0;
    if (column < columns) {
#pragma unroll 8
        for (i64 part = warp; part < parts; part += 32) sum += partial[part * stride + column];
    }
    sums[warp][lane] = sum;
    __syncthreads();
    // Warp w now adds up column w of the tile.
    S total = warp_sum(sums[lane][warp]);
    column = (i64)blockIdx.x * 32 + warp;
    if (lane == 0 && column < columns) out[column] += total;
}
#define K(S, suffix) \
    KERNEL_BOUNDED(add_partials_##suffix, 1024, (const S *partial, i64 parts, i64 stride, i64 columns, S *out), \
                   add_partials(partial, parts, stride, columns, out))
FOR_PARAMETERS(K)
#undef K
