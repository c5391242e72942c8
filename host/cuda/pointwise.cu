// Elementwise kernels: residual branches, copies between columns and formats, products, scales and dropout.
//
// Dropout: Srivastava et al. 2014.
//
// Launch of all of them: any grid of one dimension, blocks of 256 threads, no dynamic shared memory.
#include "pointwise.cuh"

// out = x + y: the residual stream and a branch. All [rows, width].
template <typename T>
__device__ void add(Columns<const wide<T>> x, Columns<const T> y, Columns<wide<T>> out, i64 rows, i64 width) {
    map_all(rows, width, [](wide<T> x, wide<T> y) { return x + y; }, out, x, y);
}
#define K(T, suffix) \
    KERNEL(add_##suffix, \
           (const wide<T> *x, i64 x_stride, const T *y, i64 y_stride, wide<T> *out, i64 out_stride, i64 rows, i64 width), \
           add<T>({x, x_stride}, {y, y_stride}, {out, out_stride}, rows, width))
FOR_ACTIVATIONS(K)
#undef K

// out = x in another format. Both [n].
template <typename In, typename Out> __device__ void cast(const In *x, Out *out, i64 n) {
    map(n, [](wide<In> x) { return x; }, out, x);
}
KERNEL(cast_f32_bf16, (const float *x, bf16 *out, i64 n), cast(x, out, n))
KERNEL(cast_bf16_f32, (const bf16 *x, float *out, i64 n), cast(x, out, n))

// out = f(x), or out += f(x) where `adds` is 1. All [rows, width].
template <typename F, typename Out, typename... In>
__device__ inline void assign(i64 rows, i64 width, i64 adds, F f, Columns<Out> out, Columns<const In>... in) {
    typedef wide<Out> S;
    const Columns<const Out> old = {out.at, out.stride};
    if (adds) map_all(rows, width, [=](S old, wide<In>... in) { return old + S(f(in...)); }, out, old, in...);
    else map_all(rows, width, [=](wide<In>... in) { return S(f(in...)); }, out, in...);
}

// Copies between columns.
#define K(From, To, suffix) \
    KERNEL(columns_##suffix, (const From *x, i64 x_stride, To *out, i64 out_stride, i64 rows, i64 width, i64 adds), \
           assign(rows, width, adds, [](wide<From> x) { return x; }, columns(out, out_stride), columns(x, x_stride)))
FOR_CONVERSIONS(K)
#undef K

// factor x
#define K(From, To, suffix) \
    KERNEL(scale_##suffix, \
           (const From *x, i64 x_stride, double factor, To *out, i64 out_stride, i64 rows, i64 width, i64 adds), \
           assign(rows, width, adds, [=](wide<From> x) { return wide<From>(factor) * x; }, columns(out, out_stride), \
                  columns(x, x_stride)))
FOR_CONVERSIONS(K)
#undef K

// x y
#define K(T, suffix) \
    KERNEL(mul_##suffix, \
           (const T *x, i64 x_stride, const T *y, i64 y_stride, T *out, i64 out_stride, i64 rows, i64 width, i64 adds), \
           assign(rows, width, adds, [](wide<T> x, wide<T> y) { return x * y; }, columns(out, out_stride), \
                  columns(x, x_stride), columns(y, y_stride)))
FOR_ACTIVATIONS(K)
#undef K

// cap tanh(x / cap)
#define K(T, suffix) \
    KERNEL(soft_cap_forward_##suffix, \
           (const T *x, i64 x_stride, double cap, T *out, i64 out_stride, i64 rows, i64 width), \
           map_all(rows, width, [=](wide<T> x) { return wide<T>(cap) * tanh(x / wide<T>(cap)); }, \
                   columns(out, out_stride), columns(x, x_stride)))
FOR_ACTIVATIONS(K)
#undef K

// dx = dy (1 - (y / cap)²), y the result of the forward.
#define K(T, suffix) \
    KERNEL(soft_cap_backward_##suffix, \
           (const T *y, i64 y_stride, double cap, const T *dy, i64 dy_stride, T *dx, i64 dx_stride, i64 rows, i64 width), \
           map_all(rows, width, \
                   [=](wide<T> y, wide<T> dy) { return dy * (1 - y / wide<T>(cap) * (y / wide<T>(cap))); }, \
                   columns(dx, dx_stride), columns(y, y_stride), columns(dy, dy_stride)))
FOR_ACTIVATIONS(K)
#undef K

// out = x times the mask's factors, four of which come from one block of random numbers. `out` may be x. Both [n], of
// which `per_sequence` elements each belong to a sequence.
template <typename In, typename Out>
__device__ void dropout(const In *x, Out *out, i64 n, i64 per_sequence, Dropout mask) {
    typedef wide<In> S;
    constexpr int N = largest(4, 16 / largest(sizeof(In), sizeof(Out)));
    i64 packs = aligned(x, out) && per_sequence % N == 0 ? n / N : 0;
    auto pack = [=](i64 i, Pack<In, N> x) {
        Pack<Out, N> out;
        const u64 sequence = (u64)(i * N) / per_sequence, first = (u64)(i * N) % per_sequence;
#pragma unroll
        for (int k = 0; k < N; k += 4) {
            Random4 random = philox(mask.key0, mask.key1, mask.lane(sequence), (first + k) / 4);
#pragma unroll
            for (int j = 0; j < 4; j++) {
                S factor = random.value[j] < mask.threshold ? S(0) : S(mask.keep);
                out.value[k + j] = narrow<Out>(widen(x.value[k + j]) * factor);
            }
        }
        return out;
    };
    map_packs<N>(packs, pack, out, x);
    for (i64 i = N * packs + thread_index(); i < n; i += thread_count())
        out[i] = narrow<Out>(widen(x[i]) * mask.factor<S>(i / per_sequence, i % per_sequence));
}
#define K(T, suffix) \
    KERNEL(dropout_##suffix, (T *x, i64 n, i64 per_sequence, u64 key, const u64 *first_sequence, u64 sites, u64 site, double rate), \
           dropout(x, x, n, per_sequence, dropout_mask(key, first_sequence, sites, site, rate)))
FOR_ACTIVATIONS(K)
#undef K
KERNEL(dropout_cast_f32_bf16, \
       (const float *x, bf16 *out, i64 n, i64 per_sequence, u64 key, const u64 *first_sequence, u64 sites, u64 site, \
        double rate), \
       dropout(x, out, n, per_sequence, dropout_mask(key, first_sequence, sites, site, rate)))

// out = residual + bias, what a product in f64 is added to; either may be null. bias [columns], the others
// [rows, columns], rows `stride` elements apart.
__device__ void prefill(const double *bias, const double *residual, double *out, i64 rows, i64 columns, i64 stride) {
    for (i64 i = thread_index(); i < rows * columns; i += thread_count()) {
        i64 row = i / columns, column = i % columns, at = row * stride + column;
        out[at] = (residual ? residual[at] : 0) + (bias ? bias[column] : 0);
    }
}
KERNEL(prefill_f64, (const double *bias, const double *residual, double *out, i64 rows, i64 columns, i64 stride),
       prefill(bias, residual, out, rows, columns, stride))
