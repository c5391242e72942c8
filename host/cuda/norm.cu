// Layer normalisation (Ba et al., arXiv 1607.06450): y = (x - mean) / √(variance + ε) · weight + bias, per row; and
// root-mean-square normalisation (Zhang & Sennrich, arXiv 1910.07467): the same with mean 0 and bias 0. x is the
// residual stream: it and the parameters are in the wide format S, y and its gradient in the format T of activations.
//
// Launch, without dynamic shared memory:
// *_forward: any grid, blocks of 256. A row of up to 1024 elements takes a warp, a longer one takes a block. Rows of up
// to 8192 elements are read once, longer ones three times. (In f64: half as many.)
// *_backward: any grid, blocks of 256. A block takes 8 rows at a time and leaves its own sums of the parameters'
// gradients in `partial`, which `add_partials` then adds up (reduce.cu).
#include "common.cuh"

// Packs of 16 bytes of a row that a thread holds in registers, so that the row is read once.
constexpr int PACKS = 8;
constexpr int FORWARD_THREADS = 256;

// The sum over the threads that share a row: a warp, or else the block.
template <typename S> __device__ inline S team_sum(S x, int team, S *scratch) {
    return team == 32 ? warp_sum(x) : block_sum(x, scratch);
}

// The threads that share a row: `size` of them, this one is number `rank`. They take the rows first, first + step, ...
struct Team {
    int size, rank;
    i64 first, step;
};

// `HELD`: elements of a row that a thread holds.
template <int HELD> __device__ inline Team team_for(i64 width) {
    int size = width <= 32 * HELD ? 32 : blockDim.x, teams = blockDim.x / size;
    return {size, (int)threadIdx.x % size, (i64)blockIdx.x * teams + threadIdx.x / size, (i64)gridDim.x * teams};
}

// `stats` [rows, 2] keeps mean and 1/√(variance + ε) for the backward; without the mean it is [rows, 1].
template <bool MEAN, typename S>
__device__ inline void keep_stats(const Team &team, S *stats, i64 row, S mean, S scale) {
    if (team.rank != 0) return;
    if (MEAN) stats[2 * row] = mean;
    stats[MEAN ? 2 * row + 1 : row] = scale;
}

// x [rows, width] to out [rows, width]; weight, bias [width]. A thread holds its packs of the row in registers.
template <bool MEAN, typename T, typename S>
__device__ void norm_packs(const S *x, const S *weight, const S *bias, S epsilon, T *out, S *stats, i64 rows,
                           int width) {
    constexpr int N = 16 / sizeof(S);
    __shared__ S scratch[32];
    Team team = team_for<PACKS * N>(width);
    int packs = width / N;
    for (i64 row = team.first; row < rows; row += team.step) {
        Pack<S, N> held[PACKS];
        S sum = 0, mean = 0, squares = 0;
#pragma unroll
        for (int p = 0; p < PACKS; p++) {
            int at = team.rank + p * team.size;
            held[p] = at < packs ? load<N>(x + row * width, at) : Pack<S, N>{};
        }
#pragma unroll
        for (int p = 0; p < PACKS; p++)
            for (int k = 0; k < N; k++) sum += held[p].value[k];
        if (MEAN) mean = team_sum(sum, team.size, scratch) / width;
#pragma unroll
        for (int p = 0; p < PACKS; p++) {
            if (team.rank + p * team.size >= packs) break;
            for (int k = 0; k < N; k++) squares += (held[p].value[k] - mean) * (held[p].value[k] - mean);
        }
        S scale = 1 / sqrt(team_sum(squares, team.size, scratch) / width + epsilon);
        keep_stats<MEAN>(team, stats, row, mean, scale);
#pragma unroll
        for (int p = 0; p < PACKS; p++) {
            int at = team.rank + p * team.size;
            if (at >= packs) break;
            Pack<S, N> weights = load<N>(weight, at), biases = {};
            if (MEAN) biases = load<N>(bias, at);
            Pack<T, N> results;
            for (int k = 0; k < N; k++)
                results.value[k] = narrow<T>((held[p].value[k] - mean) * scale * weights.value[k] + biases.value[k]);
            store(out + row * width, at, results);
        }
    }
}

// The same element by element, for any width and address; the row is read three times.
template <bool MEAN, typename T, typename S>
__device__ void norm_elements(const S *x, const S *weight, const S *bias, S epsilon, T *out, S *stats, i64 rows,
                              i64 width) {
    __shared__ S scratch[32];
    Team team = team_for<PACKS * 16 / sizeof(S)>(width);
    for (i64 row = team.first; row < rows; row += team.step) {
        const S *values = x + row * width;
        S sum = 0, mean = 0, squares = 0;
        if (MEAN) {
            for (i64 i = team.rank; i < width; i += team.size) sum += values[i];
            mean = team_sum(sum, team.size, scratch) / width;
        }
        for (i64 i = team.rank; i < width; i += team.size) squares += (values[i] - mean) * (values[i] - mean);
        S scale = 1 / sqrt(team_sum(squares, team.size, scratch) / width + epsilon);
        keep_stats<MEAN>(team, stats, row, mean, scale);
        for (i64 i = team.rank; i < width; i += team.size)
            out[row * width + i] = narrow<T>((values[i] - mean) * scale * weight[i] + (MEAN ? bias[i] : S(0)));
    }
}

template <bool MEAN, typename T, typename S = wide<T>>
__device__ void norm_forward(const S *x, const S *weight, const S *bias, double epsilon, T *out, S *stats, i64 rows,
                             i64 width) {
    constexpr i64 N = 16 / sizeof(S);
    if (width % N == 0 && width <= blockDim.x * PACKS * N && aligned(x, weight, bias, out))
        norm_packs<MEAN>(x, weight, bias, S(epsilon), out, stats, rows, width);
    else
        norm_elements<MEAN>(x, weight, bias, S(epsilon), out, stats, rows, width);
}
#define K(T, suffix) \
    KERNEL_BOUNDED(layer_norm_forward_##suffix, FORWARD_THREADS, \
                   (const wide<T> *x, const wide<T> *weight, const wide<T> *bias, double epsilon, T *out, \
                    wide<T> *stats, i64 rows, i64 width), \
                   norm_forward<true>(x, weight, bias, epsilon, out, stats, rows, width)) \
    KERNEL_BOUNDED(rms_norm_forward_##suffix, FORWARD_THREADS, \
                   (const wide<T> *x, const wide<T> *weight, double epsilon, T *out, wide<T> *scale, i64 rows, \
                    i64 width), \
                   norm_forward<false>(x, weight, (const wide<T> *)nullptr, epsilon, out, scale, rows, width))
FOR_ACTIVATIONS(K)
#undef K

// Rows that a block of the backward takes at a time: one per warp.
constexpr int TILE = 8;
constexpr int BACKWARD_THREADS = 32 * TILE;
// Packs of each array whose loads are under way together.
constexpr int BATCH = 4;

// What the gradient of a row needs to know about all of it; ŵ = dy · weight, x̂ is the normalised row.
template <typename S> struct RowMeans {
    S mean, scale;           // of x
    S gradient, projection;  // the means of ŵ and of ŵ x̂
};

template <bool MEAN, int N, typename T, typename S>
__device__ RowMeans<S> row_means(const T *dy, const S *x, const S *weight, const S *stats, i64 row, int width) {
    S mean = MEAN ? stats[2 * row] : S(0), scale = stats[MEAN ? 2 * row + 1 : row];
    S gradient = 0, projection = 0;
    for (int start = threadIdx.x % 32; start < width / N; start += 32 * BATCH) {
        Pack<T, N> dys[BATCH];
        Pack<S, N> xs[BATCH];
#pragma unroll
        for (int p = 0; p < BATCH; p++) {
            if (start + 32 * p >= width / N) break;
            dys[p] = load<N>(dy + row * width, start + 32 * p);
            xs[p] = load<N>(x + row * width, start + 32 * p);
        }
#pragma unroll
        for (int p = 0; p < BATCH; p++) {
            if (start + 32 * p >= width / N) break;
            Pack<S, N> weights = load<N>(weight, start + 32 * p);
            for (int k = 0; k < N; k++) {
                S product = widen(dys[p].value[k]) * weights.value[k];
                gradient += product;
                projection += product * (xs[p].value[k] - mean);
            }
        }
    }
    if (MEAN) gradient = warp_sum(gradient) / width;
    return {mean, scale, MEAN ? gradient : S(0), warp_sum(projection) * scale / width};
}

// The gradients of up to TILE rows from `first` on, in one pack of columns; the sums over rows go on from those in
// `dweight` and `dbias`. dx += (ŵ - mean(ŵ) - x̂ mean(ŵ x̂)) · scale.
template <bool MEAN, int N, typename T, typename S>
__device__ void column_gradients(const T *dy, const S *x, const S *weight, const RowMeans<S> *means, S *dx, S *dweight,
                                 S *dbias, i64 first, int count, int width, int at) {
    Pack<S, N> weights = load<N>(weight, at), dweights = load<N>(dweight, at), dbiases = {};
    if (MEAN) dbiases = load<N>(dbias, at);
    for (int start = 0; start < count; start += BATCH) {
        Pack<T, N> dys[BATCH];
        Pack<S, N> xs[BATCH], dxs[BATCH];
#pragma unroll
        for (int r = 0; r < BATCH; r++) {
            i64 offset = (first + start + r) * width;
            if (start + r >= count) continue;
            dys[r] = load<N>(dy + offset, at);
            xs[r] = load<N>(x + offset, at);
            dxs[r] = load<N>(dx + offset, at);
        }
#pragma unroll
        for (int r = 0; r < BATCH; r++) {
            if (start + r >= count) continue;
            RowMeans<S> row = means[start + r];
            for (int k = 0; k < N; k++) {
                S gradient = widen(dys[r].value[k]), normal = (xs[r].value[k] - row.mean) * row.scale;
                S change = gradient * weights.value[k] - row.gradient - normal * row.projection;
                dxs[r].value[k] += change * row.scale;
                dweights.value[k] += gradient * normal;
                dbiases.value[k] += gradient;
            }
            store(dx + (first + start + r) * width, at, dxs[r]);
        }
    }
    store(dweight, at, dweights);
    if (MEAN) store(dbias, at, dbiases);
}

// dy, x and dx [rows, width]; partial [grid, 2, width]: dweight, dbias; [grid, 1, width] without the mean. A block adds
// to its own sums in memory, tile after tile; each column belongs to one thread.
template <bool MEAN, int N, typename T, typename S>
__device__ void norm_backward_tiles(const T *dy, const S *x, const S *weight, const S *stats, S *dx, S *partial,
                                    i64 rows, int width) {
    __shared__ RowMeans<S> means[TILE];
    S *dweight = partial + (i64)blockIdx.x * (MEAN ? 2 : 1) * width, *dbias = dweight + width;
    for (int at = threadIdx.x; at < width / N; at += blockDim.x) {
        store(dweight, at, Pack<S, N>{});
        if (MEAN) store(dbias, at, Pack<S, N>{});
    }
    for (i64 first = (i64)blockIdx.x * TILE; first < rows; first += (i64)gridDim.x * TILE) {
        int count = rows - first < TILE ? rows - first : TILE, warp = threadIdx.x / 32;
        if (warp < count) {
            RowMeans<S> row = row_means<MEAN, N>(dy, x, weight, stats, first + warp, width);
            if (threadIdx.x % 32 == 0) means[warp] = row;
        }
        __syncthreads();
        for (int at = threadIdx.x; at < width / N; at += blockDim.x)
            column_gradients<MEAN, N>(dy, x, weight, means, dx, dweight, dbias, first, count, width, at);
        __syncthreads();
    }
}

template <bool MEAN, typename T, typename S>
__device__ void norm_backward(const T *dy, const S *x, const S *weight, const S *stats, S *dx, S *partial, i64 rows,
                              i64 width) {
    constexpr int N = 16 / sizeof(S);
    if (width % N == 0 && aligned(dy, x, weight, dx, partial))
        norm_backward_tiles<MEAN, N>(dy, x, weight, stats, dx, partial, rows, width);
    else
        norm_backward_tiles<MEAN, 1>(dy, x, weight, stats, dx, partial, rows, width);
}
#define K(T, suffix) \
    KERNEL_BOUNDED(layer_norm_backward_##suffix, BACKWARD_THREADS, \
                   (const T *dy, const wide<T> *x, const wide<T> *weight, const wide<T> *stats, wide<T> *dx, \
                    wide<T> *partial, i64 rows, i64 width), \
                   norm_backward<true>(dy, x, weight, stats, dx, partial, rows, width)) \
    KERNEL_BOUNDED(rms_norm_backward_##suffix, BACKWARD_THREADS, \
                   (const T *dy, const wide<T> *x, const wide<T> *weight, const wide<T> *scale, wide<T> *dx, \
                    wide<T> *partial, i64 rows, i64 width), \
                   norm_backward<false>(dy, x, weight, scale, dx, partial, rows, width))
FOR_ACTIVATIONS(K)
#undef K
