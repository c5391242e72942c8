// Layer normalisation (Ba et al., arXiv 1607.06450): y = (x - mean) / √(variance + ε) · weight + bias, per row; and
// root-mean-square normalisation (Zhang & Sennrich, arXiv 1910.07467): the same with mean 0 and bias 0. The format X of x
// is that of the residual stream or of activations; parameters and statistics are in the wide format S, y and its
// gradient in the format T of activations. What is normalised on its own is called a line: a row, or one of the chunks
// that a row is cut into.
//
// Launch, without dynamic shared memory:
// *_forward: any grid, blocks of 256. A line of up to 1024 elements takes a warp, a longer one takes a block. Lines of up
// to 8192 elements are read once, longer ones three times. (In f64: half as many.)
// *_backward: any grid, blocks of 256. A block takes 8 lines at a time and leaves its own sums of the parameters'
// gradients in `partial`, which `add_partials` then adds up (reduce.cu).
#include "common.cuh"

// Packs of 16 bytes of a line that a thread holds in registers, so that the line is read once.
constexpr int PACKS = 8;
constexpr int FORWARD_THREADS = 256;

// Lines of a matrix: `chunks` of `width` elements in a row, rows `stride` elements apart; fewer than 2^32.
template <typename T> struct Lines {
    T *first;
    i64 stride, chunks, width;
    __device__ T *line(i64 i) const {
        if (chunks == 1) return first + i * stride;
        u32 row = (u32)i / (u32)chunks, chunk = (u32)i % (u32)chunks;
        return first + row * stride + chunk * width;
    }
    // Whether packs of N elements do not straddle lines.
    __device__ bool packs(int N) const { return width % N == 0 && stride % N == 0 && aligned(first); }
};

// What normalised numbers are multiplied by: weight + offset, or 1 without a weight.
template <typename S> struct Gain {
    const S *weight;
    S offset;
    template <int N> __device__ Pack<S, N> at(i64 index) const {
        Pack<S, N> gain = {};
        if (weight) gain = load<N>(weight, index);
        for (int k = 0; k < N; k++) gain.value[k] = weight ? gain.value[k] + offset : S(1);
        return gain;
    }
};

template <int N, typename X> __device__ inline Pack<wide<X>, N> load_wide(const X *x, i64 index) {
    Pack<X, N> pack = load<N>(x, index);
    Pack<wide<X>, N> out;
    for (int k = 0; k < N; k++) out.value[k] = widen(pack.value[k]);
    return out;
}
template <typename X, int N> __device__ inline void store_narrow(X *x, i64 index, const Pack<wide<X>, N> &pack) {
    Pack<X, N> out;
    for (int k = 0; k < N; k++) out.value[k] = narrow<X>(pack.value[k]);
    store(x, index, out);
}

// The sum over the threads that share a line: a warp, or else the block.
template <typename S> __device__ inline S team_sum(S x, int team, S *scratch) {
    return team == 32 ? warp_sum(x) : block_sum(x, scratch);
}

// The threads that share a line: `size` of them, this one is number `rank`. They take the lines first, first + step, ...
struct Team {
    int size, rank;
    i64 first, step;
};

// `HELD`: elements of a line that a thread holds.
template <int HELD> __device__ inline Team team_for(i64 width) {
    int size = width <= 32 * HELD ? 32 : blockDim.x, teams = blockDim.x / size;
    return {size, (int)threadIdx.x % size, (i64)blockIdx.x * teams + threadIdx.x / size, (i64)gridDim.x * teams};
}

// `stats` [lines, 2] keeps mean and 1/√(variance + ε) for the backward; without the mean it is [lines, 1].
template <bool MEAN, typename S>
__device__ inline void keep_stats(const Team &team, S *stats, i64 line, S mean, S scale) {
    if (team.rank != 0) return;
    if (MEAN) stats[2 * line] = mean;
    stats[MEAN ? 2 * line + 1 : line] = scale;
}

// x to out, `n` lines each; weight and bias as wide as a line. A thread holds its packs of the line in registers.
template <bool MEAN, typename X, typename T, typename S>
__device__ void norm_packs(Lines<const X> x, Gain<S> gain, const S *bias, S epsilon, Lines<T> out, S *stats, i64 n) {
    constexpr int N = 16 / sizeof(S);
    __shared__ S scratch[32];
    int width = x.width, packs = width / N;
    Team team = team_for<PACKS * N>(width);
    for (i64 line = team.first; line < n; line += team.step) {
        const X *values = x.line(line);
        Pack<S, N> held[PACKS];
        S sum = 0, mean = 0, squares = 0;
#pragma unroll
        for (int p = 0; p < PACKS; p++) {
            int at = team.rank + p * team.size;
            held[p] = at < packs ? load_wide<N>(values, at) : Pack<S, N>{};
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
        keep_stats<MEAN>(team, stats, line, mean, scale);
        T *to = out.line(line);
#pragma unroll
        for (int p = 0; p < PACKS; p++) {
            int at = team.rank + p * team.size;
            if (at >= packs) break;
            Pack<S, N> gains = gain.template at<N>(at), biases = {};
            if (MEAN && bias) biases = load<N>(bias, at);
            Pack<T, N> results;
            for (int k = 0; k < N; k++)
                results.value[k] = narrow<T>((held[p].value[k] - mean) * scale * gains.value[k] + biases.value[k]);
            store(to, at, results);
        }
    }
}

// The same element by element, for any width and address; the line is read three times.
template <bool MEAN, typename X, typename T, typename S>
__device__ void norm_elements(Lines<const X> x, Gain<S> gain, const S *bias, S epsilon, Lines<T> out, S *stats, i64 n) {
    __shared__ S scratch[32];
    i64 width = x.width;
    Team team = team_for<PACKS * 16 / sizeof(S)>(width);
    for (i64 line = team.first; line < n; line += team.step) {
        const X *values = x.line(line);
        S sum = 0, mean = 0, squares = 0;
        if (MEAN) {
            for (i64 i = team.rank; i < width; i += team.size) sum += widen(values[i]);
            mean = team_sum(sum, team.size, scratch) / width;
        }
        for (i64 i = team.rank; i < width; i += team.size) squares += (widen(values[i]) - mean) * (widen(values[i]) - mean);
        S scale = 1 / sqrt(team_sum(squares, team.size, scratch) / width + epsilon);
        keep_stats<MEAN>(team, stats, line, mean, scale);
        T *to = out.line(line);
        for (i64 i = team.rank; i < width; i += team.size) {
            S shift = MEAN && bias ? bias[i] : S(0);
            to[i] = narrow<T>((widen(values[i]) - mean) * scale * gain.template at<1>(i).value[0] + shift);
        }
    }
}

template <bool MEAN, typename X, typename T, typename S>
__device__ void norm_forward(Lines<const X> x, Gain<S> gain, const S *bias, double epsilon, Lines<T> out, S *stats,
                             i64 n) {
    constexpr int N = 16 / sizeof(S);
    if (x.packs(N) && out.packs(N) && x.width <= blockDim.x * PACKS * N && aligned(gain.weight, bias))
        norm_packs<MEAN>(x, gain, bias, S(epsilon), out, stats, n);
    else
        norm_elements<MEAN>(x, gain, bias, S(epsilon), out, stats, n);
}

// Runs `K(X, T, suffix)` for the formats of x and y: from the stream to an activation, or between activations.
#define FOR_NORMS(K) \
    K(float, float, f32_f32) K(double, double, f64_f64) K(float, bf16, f32_bf16) K(bf16, bf16, bf16_bf16)

#define K(X, T, suffix) \
    KERNEL_BOUNDED(layer_norm_forward_##suffix, FORWARD_THREADS, \
                   (const X *x, i64 x_stride, const wide<T> *weight, const wide<T> *bias, double epsilon, T *out, \
                    i64 out_stride, wide<T> *stats, i64 lines, i64 chunks, i64 width), \
                   norm_forward<true, X, T, wide<T>>({x, x_stride, chunks, width}, {weight, 0}, bias, epsilon, \
                                                     {out, out_stride, chunks, width}, stats, lines)) \
    KERNEL_BOUNDED(rms_norm_forward_##suffix, FORWARD_THREADS, \
                   (const X *x, i64 x_stride, const wide<T> *weight, double offset, double epsilon, T *out, \
                    i64 out_stride, wide<T> *scale, i64 lines, i64 chunks, i64 width), \
                   norm_forward<false, X, T, wide<T>>({x, x_stride, chunks, width}, {weight, wide<T>(offset)}, nullptr, \
                                                      epsilon, {out, out_stride, chunks, width}, scale, lines))
FOR_NORMS(K)
#undef K

// Lines that a block of the backward takes at a time: one per warp.
constexpr int TILE = 8;
constexpr int BACKWARD_THREADS = 32 * TILE;
// Packs of each array whose loads are under way together.
constexpr int BATCH = 4;

// What the gradient of a line needs to know about all of it; ŵ = dy · gain, x̂ is the normalised line.
template <typename S> struct LineMeans {
    S mean, scale;           // of x
    S gradient, projection;  // the means of ŵ and of ŵ x̂
};

template <bool MEAN, int N, typename X, typename T, typename S>
__device__ LineMeans<S> line_means(Lines<const T> dy, Lines<const X> x, Gain<S> gain, const S *stats, i64 line) {
    S mean = MEAN ? stats[2 * line] : S(0), scale = stats[MEAN ? 2 * line + 1 : line];
    S gradient = 0, projection = 0;
    const T *gradients = dy.line(line);
    const X *values = x.line(line);
    int width = x.width;
    for (int start = threadIdx.x % 32; start < width / N; start += 32 * BATCH) {
        Pack<T, N> dys[BATCH];
        Pack<X, N> xs[BATCH];
#pragma unroll
        for (int p = 0; p < BATCH; p++) {
            if (start + 32 * p >= width / N) break;
            dys[p] = load<N>(gradients, start + 32 * p);
            xs[p] = load<N>(values, start + 32 * p);
        }
#pragma unroll
        for (int p = 0; p < BATCH; p++) {
            if (start + 32 * p >= width / N) break;
            Pack<S, N> gains = gain.template at<N>(start + 32 * p);
            for (int k = 0; k < N; k++) {
                S product = widen(dys[p].value[k]) * gains.value[k];
                gradient += product;
                projection += product * (widen(xs[p].value[k]) - mean);
            }
        }
    }
    if (MEAN) gradient = warp_sum(gradient) / width;
    return {mean, scale, MEAN ? gradient : S(0), warp_sum(projection) * scale / width};
}

// The gradients of up to TILE lines from `first` on, in one pack of columns; the sums over lines go on from those in
// `dweight` and `dbias`. dx, which may be null, = or, where `adds` is 1, += (ŵ - mean(ŵ) - x̂ mean(ŵ x̂)) · scale.
template <bool MEAN, int N, typename X, typename T, typename S>
__device__ void column_gradients(Lines<const T> dy, Lines<const X> x, Gain<S> gain, const LineMeans<S> *means,
                                 Lines<X> dx, bool adds, S *dweight, S *dbias, i64 first, int count, int at) {
    Pack<S, N> gains = gain.template at<N>(at), dweights = load<N>(dweight, at), dbiases = {};
    if (MEAN) dbiases = load<N>(dbias, at);
    for (int start = 0; start < count; start += BATCH) {
        Pack<T, N> dys[BATCH];
        Pack<X, N> xs[BATCH];
        Pack<S, N> dxs[BATCH];
#pragma unroll
        for (int r = 0; r < BATCH; r++) {
            i64 line = first + start + r;
            if (start + r >= count) continue;
            dys[r] = load<N>(dy.line(line), at);
            xs[r] = load<N>(x.line(line), at);
            dxs[r] = Pack<S, N>{};
            if (adds) dxs[r] = load_wide<N>(const_cast<const X *>(dx.line(line)), at);
        }
#pragma unroll
        for (int r = 0; r < BATCH; r++) {
            if (start + r >= count) continue;
            LineMeans<S> line = means[start + r];
            for (int k = 0; k < N; k++) {
                S gradient = widen(dys[r].value[k]), normal = (widen(xs[r].value[k]) - line.mean) * line.scale;
                S change = gradient * gains.value[k] - line.gradient - normal * line.projection;
                dxs[r].value[k] += change * line.scale;
                dweights.value[k] += gradient * normal;
                dbiases.value[k] += gradient;
            }
            if (dx.first) store_narrow(dx.line(first + start + r), at, dxs[r]);
        }
    }
    store(dweight, at, dweights);
    if (MEAN) store(dbias, at, dbiases);
}

// partial [grid, 2, width]: dweight, dbias; [grid, 1, width] without the mean. A block adds to its own sums in memory,
// tile after tile; each column belongs to one thread.
template <bool MEAN, int N, typename X, typename T, typename S>
__device__ void norm_backward_tiles(Lines<const T> dy, Lines<const X> x, Gain<S> gain, const S *stats, Lines<X> dx,
                                    bool adds, S *partial, i64 n) {
    __shared__ LineMeans<S> means[TILE];
    int width = x.width;
    S *dweight = partial + (i64)blockIdx.x * (MEAN ? 2 : 1) * width, *dbias = dweight + width;
    for (int at = threadIdx.x; at < width / N; at += blockDim.x) {
        store(dweight, at, Pack<S, N>{});
        if (MEAN) store(dbias, at, Pack<S, N>{});
    }
    for (i64 first = (i64)blockIdx.x * TILE; first < n; first += (i64)gridDim.x * TILE) {
        int count = n - first < TILE ? n - first : TILE, warp = threadIdx.x / 32;
        if (warp < count) {
            LineMeans<S> line = line_means<MEAN, N>(dy, x, gain, stats, first + warp);
            if (threadIdx.x % 32 == 0) means[warp] = line;
        }
        __syncthreads();
        for (int at = threadIdx.x; at < width / N; at += blockDim.x)
            column_gradients<MEAN, N>(dy, x, gain, means, dx, adds, dweight, dbias, first, count, at);
        __syncthreads();
    }
}

template <bool MEAN, typename X, typename T, typename S>
__device__ void norm_backward(Lines<const T> dy, Lines<const X> x, Gain<S> gain, const S *stats, Lines<X> dx, bool adds,
                              S *partial, i64 n) {
    constexpr int N = 16 / sizeof(S);
    if (dy.packs(N) && x.packs(N) && dx.packs(N) && aligned(gain.weight, partial))
        norm_backward_tiles<MEAN, N>(dy, x, gain, stats, dx, adds, partial, n);
    else
        norm_backward_tiles<MEAN, 1>(dy, x, gain, stats, dx, adds, partial, n);
}
#define PARAMETERS(X, T) \
    (const T *dy, i64 dy_stride, const X *x, i64 x_stride, const wide<T> *weight, double offset, \
     const wide<T> *stats, X *dx, i64 dx_stride, i64 adds, wide<T> *partial, i64 lines, i64 chunks, i64 width)
#define BODY(MEAN, X, T) \
    norm_backward<MEAN, X, T, wide<T>>({dy, dy_stride, chunks, width}, {x, x_stride, chunks, width}, \
                                       {weight, wide<T>(offset)}, stats, {dx, dx_stride, chunks, width}, adds != 0, \
                                       partial, lines)
#define K(X, T, suffix) \
    KERNEL_BOUNDED(layer_norm_backward_##suffix, BACKWARD_THREADS, PARAMETERS(X, T), BODY(true, X, T)) \
    KERNEL_BOUNDED(rms_norm_backward_##suffix, BACKWARD_THREADS, PARAMETERS(X, T), BODY(false, X, T))
FOR_NORMS(K)
#undef K
#undef BODY
#undef PARAMETERS
