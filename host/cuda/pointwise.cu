// Elementwise kernels: residual branches, changes of format, activations and dropout. Limited by memory bandwidth:
// loads of 16 bytes, two sets of them under way per thread.
//
// GELU: Hendrycks & Gimpel, arXiv 1606.08415. SwiGLU: Shazeer, arXiv 2002.05202. Dropout: Srivastava et al. 2014.
//
// Launch of all of them: any grid of one dimension, blocks of 256 threads, no dynamic shared memory.
#include "common.cuh"

// out = f(i, in...) for packs of N elements: pack i of each array, i < n. `out` may be one of `in`.
template <int N, typename F, typename Out, typename... In>
__device__ inline void map_packs(i64 n, F f, Out *out, const In *...in) {
    i64 step = thread_count(), i = thread_index();
    for (; i + step < n; i += 2 * step) {
        Pack<Out, N> first = f(i, load<N>(in, i)...), second = f(i + step, load<N>(in, i + step)...);
        store(out, i, first);
        store(out, i + step, second);
    }
    if (i < n) store(out, i, f(i, load<N>(in, i)...));
}

// The values of one pack through `f`, which computes in the wide format.
template <typename Out, int N, typename F, typename... In>
__device__ inline Pack<Out, N> map_pack(F f, const Pack<In, N> &...in) {
    Pack<Out, N> out;
#pragma unroll
    for (int k = 0; k < N; k++) out.value[k] = narrow<Out>(f(widen(in.value[k])...));
    return out;
}

__host__ __device__ constexpr int largest(int a, int b) { return a > b ? a : b; }
__host__ __device__ constexpr int largest(int a, int b, int c) { return largest(a, largest(b, c)); }

// out[i] = f(in[i]...) for all i < n. `out` may be one of `in`.
template <typename F, typename Out, typename... In>
__device__ inline void map(i64 n, F f, Out *out, const In *...in) {
    constexpr int N = 16 / largest(sizeof(Out), sizeof(In)...);
    i64 packs = aligned(out, in...) ? n / N : 0;
    map_packs<N>(packs, [=](i64, auto... in) { return map_pack<Out, N>(f, in...); }, out, in...);
    map_packs<1>(n - packs * N, [=](i64, auto... in) { return map_pack<Out, 1>(f, in...); }, out + packs * N,
                 (in + packs * N)...);
}

// out = x + y: the residual stream and a branch. All [n].
template <typename T> __device__ void add(const wide<T> *x, const T *y, wide<T> *out, i64 n) {
    map(n, [](wide<T> x, wide<T> y) { return x + y; }, out, x, y);
}
#define K(T, suffix) KERNEL(add_##suffix, (const wide<T> *x, const T *y, wide<T> *out, i64 n), add(x, y, out, n))
FOR_ACTIVATIONS(K)
#undef K

// out = x in another format. Both [n].
template <typename In, typename Out> __device__ void cast(const In *x, Out *out, i64 n) {
    map(n, [](wide<In> x) { return x; }, out, x);
}
KERNEL(cast_f32_bf16, (const float *x, bf16 *out, i64 n), cast(x, out, n))
KERNEL(cast_bf16_f32, (const bf16 *x, float *out, i64 n), cast(x, out, n))

// 1 / (1 + e^-x): 0 or 1 far out, where e^-x is infinite or 0.
template <typename T> __device__ inline wide<T> sigmoid(wide<T> x) { return 1 / (1 + exp(-x)); }
// The hardware's approximations are exact enough for bf16, and plain code would be slower than memory.
template <> __device__ inline float sigmoid<bf16>(float x) { return __fdividef(1, 1 + __expf(-x)); }

// GELU with Φ(x) ≈ (1 + tanh(u)) / 2 = σ(2u), 2u = √(8/π) (x + 0.044715 x³).
template <typename T> struct TanhGelu {
    typedef wide<T> S;
    static constexpr double SQRT_8_OVER_PI = 1.5957691216057307117597842397375, CUBIC = 0.044715;
    static __device__ S cdf(S x) { return sigmoid<T>(S(SQRT_8_OVER_PI) * x * (1 + S(CUBIC) * x * x)); }
    static __device__ S slope(S x) {
        // Φ is 0 or 1 beyond 20, and x² must not become infinite. NaN stays.
        S near = x > 20 ? S(20) : x < -20 ? S(-20) : x;
        S p = cdf(near);
        return p + near * p * (1 - p) * S(SQRT_8_OVER_PI) * (1 + S(3 * CUBIC) * near * near);
    }
};

// GELU with Φ(x) = erfc(-x/√2) / 2, which keeps its digits where it is small.
template <typename T> struct ErfGelu {
    typedef wide<T> S;
    static constexpr double SQRT_HALF = 0.70710678118654752440, DENSITY = 0.39894228040143267794;
    static __device__ S cdf(S x) { return S(0.5) * erfc(-S(SQRT_HALF) * x); }
    static __device__ S slope(S x) { return cdf(x) + x * S(DENSITY) * exp(S(-0.5) * x * x); }
};

// out = x Φ(x); form 0: tanh, 1: erf. Both [n].
template <typename T> __device__ void gelu_forward(i64 form, const T *x, T *out, i64 n) {
    typedef wide<T> S;
    if (form == 0) map(n, [](S x) { return x * TanhGelu<T>::cdf(x); }, out, x);
    else map(n, [](S x) { return x * ErfGelu<T>::cdf(x); }, out, x);
}
#define K(T, suffix) KERNEL(gelu_forward_##suffix, (i64 form, const T *x, T *out, i64 n), gelu_forward(form, x, out, n))
FOR_ACTIVATIONS(K)
#undef K

// dy becomes the gradient with respect to x. Both [n].
template <typename T> __device__ void gelu_backward(i64 form, const T *x, T *dy, i64 n) {
    typedef wide<T> S;
    if (form == 0) map(n, [](S x, S dy) { return dy * TanhGelu<T>::slope(x); }, dy, x, dy);
    else map(n, [](S x, S dy) { return dy * ErfGelu<T>::slope(x); }, dy, x, dy);
}
#define K(T, suffix) KERNEL(gelu_backward_##suffix, (i64 form, const T *x, T *dy, i64 n), gelu_backward(form, x, dy, n))
FOR_ACTIVATIONS(K)
#undef K

// Calls `f(gate, out)` with the indices of packs of N elements: where gate, and where the result begins. `up` follows
// `gate` by `hidden` elements.
template <int N, typename F> __device__ inline void for_gates(i64 rows, i64 hidden, F f) {
    u64 packs = hidden / N, n = rows * packs;
    for (u64 i = thread_index(); i < n; i += thread_count()) f(i + i / packs * packs, i);
}

// out [rows, hidden] = gate σ(gate) up; a row of x [rows, 2 hidden] holds gate, then up.
template <typename T, int N> __device__ void swiglu_packs(const T *x, T *out, i64 rows, i64 hidden) {
    for_gates<N>(rows, hidden, [=](i64 gate, i64 i) {
        auto f = [](wide<T> gate, wide<T> up) { return gate * sigmoid<T>(gate) * up; };
        store(out, i, map_pack<T, N>(f, load<N>(x, gate), load<N>(x + hidden, gate)));
    });
}
template <typename T> __device__ void swiglu_forward(const T *x, T *out, i64 rows, i64 hidden) {
    constexpr int N = 16 / sizeof(T);
    if (hidden % N == 0 && aligned(x, out)) swiglu_packs<T, N>(x, out, rows, hidden);
    else swiglu_packs<T, 1>(x, out, rows, hidden);
}
#define K(T, suffix) \
    KERNEL(swiglu_forward_##suffix, (const T *x, T *out, i64 rows, i64 hidden), swiglu_forward(x, out, rows, hidden))
FOR_ACTIVATIONS(K)
#undef K

// dx [rows, 2 hidden] from dy [rows, hidden]: dgate = dy up σ(gate) (1 + gate (1 - σ(gate))), dup = dy gate σ(gate).
template <typename T, int N> __device__ void swiglu_slopes(const T *x, const T *dy, T *dx, i64 rows, i64 hidden) {
    for_gates<N>(rows, hidden, [=](i64 gate_at, i64 i) {
        Pack<T, N> gates = load<N>(x, gate_at), ups = load<N>(x + hidden, gate_at), dys = load<N>(dy, i), dgate, dup;
#pragma unroll
        for (int k = 0; k < N; k++) {
            wide<T> gate = widen(gates.value[k]), up = widen(ups.value[k]), dy = widen(dys.value[k]);
            wide<T> share = sigmoid<T>(gate), silu = gate * share;
            dgate.value[k] = narrow<T>(dy * up * (share + silu * (1 - share)));
            dup.value[k] = narrow<T>(dy * silu);
        }
        store(dx, gate_at, dgate);
        store(dx + hidden, gate_at, dup);
    });
}
template <typename T> __device__ void swiglu_backward(const T *x, const T *dy, T *dx, i64 rows, i64 hidden) {
    constexpr int N = 16 / sizeof(T);
    if (hidden % N == 0 && aligned(x, dy, dx)) swiglu_slopes<T, N>(x, dy, dx, rows, hidden);
    else swiglu_slopes<T, 1>(x, dy, dx, rows, hidden);
}
#define K(T, suffix) \
    KERNEL(swiglu_backward_##suffix, (const T *x, const T *dy, T *dx, i64 rows, i64 hidden), \
           swiglu_backward(x, dy, dx, rows, hidden))
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
// [rows, columns].
__device__ void prefill(const double *bias, const double *residual, double *out, i64 rows, i64 columns) {
    for (i64 i = thread_index(); i < rows * columns; i += thread_count())
        out[i] = (residual ? residual[i] : 0) + (bias ? bias[i % columns] : 0);
}
KERNEL(prefill_f64, (const double *bias, const double *residual, double *out, i64 rows, i64 columns),
       prefill(bias, residual, out, rows, columns))
