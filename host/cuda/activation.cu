// Activations and gated activations, a kernel for each function: none waits for registers that another one needs.
//
// GELU: Hendrycks & Gimpel, arXiv 1606.08415. SiLU: Elfwing et al., arXiv 1702.03118. Gates: Shazeer, arXiv 2002.05202.
//
// Launch of all of them: any grid of one dimension, blocks of 256 threads, no dynamic shared memory.
#include "pointwise.cuh"

// 1 / (1 + e^-x): 0 or 1 far out, where e^-x is infinite or 0.
template <typename T> __device__ inline wide<T> sigmoid(wide<T> x) { return 1 / (1 + exp(-x)); }
// The hardware's approximations are exact enough for bf16, and plain code would be slower than memory.
template <> __device__ inline float sigmoid<bf16>(float x) { return __fdividef(1, 1 + __expf(-x)); }

// A function at a number, and its derivative there.
template <typename S> struct Slope {
    S value, slope;
};

// GELU, x Φ(x), with Φ(x) ≈ (1 + tanh(u)) / 2 = σ(2u), 2u = √(8/π) (x + 0.044715 x³).
template <typename T> struct GeluTanh {
    typedef wide<T> S;
    static constexpr double SQRT_8_OVER_PI = 1.5957691216057307117597842397375, CUBIC = 0.044715;
    static __device__ S cdf(S x) { return sigmoid<T>(S(SQRT_8_OVER_PI) * x * (1 + S(CUBIC) * x * x)); }
    static __device__ S value(S x) { return x * cdf(x); }
    static __device__ Slope<S> slope(S x) {
        // Φ is 0 or 1 beyond 20, and x² must not become infinite. NaN stays.
        S near = x > 20 ? S(20) : x < -20 ? S(-20) : x;
        S p = cdf(near);
        return {x * p, p + near * p * (1 - p) * S(SQRT_8_OVER_PI) * (1 + S(3 * CUBIC) * near * near)};
    }
};

// GELU with Φ(x) = erfc(-x/√2) / 2, which keeps its digits where it is small.
template <typename T> struct GeluErf {
    typedef wide<T> S;
    static constexpr double SQRT_HALF = 0.70710678118654752440, DENSITY = 0.39894228040143267794;
    static __device__ S cdf(S x) { return S(0.5) * erfc(-S(SQRT_HALF) * x); }
    static __device__ S value(S x) { return x * cdf(x); }
    static __device__ Slope<S> slope(S x) {
        S p = cdf(x);
        return {x * p, p + x * S(DENSITY) * exp(S(-0.5) * x * x)};
    }
};

// NaN stays.
template <typename T> struct Relu {
    typedef wide<T> S;
    static __device__ S value(S x) { return x < 0 ? S(0) : x; }
    static __device__ Slope<S> slope(S x) { return {value(x), x <= 0 ? S(0) : S(1)}; }
};

template <typename T> struct Silu {
    typedef wide<T> S;
    static __device__ S value(S x) { return x * sigmoid<T>(x); }
    static __device__ Slope<S> slope(S x) {
        S share = sigmoid<T>(x), silu = x * share;
        return {silu, share + silu * (1 - share)};
    }
};

template <typename T> struct Tanh {
    typedef wide<T> S;
    static __device__ S value(S x) { return tanh(x); }
    static __device__ Slope<S> slope(S x) {
        S value = tanh(x);
        return {value, 1 - value * value};
    }
};

template <typename T> struct Sigmoid {
    typedef wide<T> S;
    static __device__ S value(S x) { return sigmoid<T>(x); }
    static __device__ Slope<S> slope(S x) {
        S value = sigmoid<T>(x);
        return {value, value * (1 - value)};
    }
};

// Runs `K(F, function, T, suffix)` for every function and every format.
#define FOR_FUNCTIONS(K, T, suffix) \
    K(GeluTanh<T>, gelu_tanh, T, suffix) K(GeluErf<T>, gelu_erf, T, suffix) K(Relu<T>, relu, T, suffix) \
    K(Silu<T>, silu, T, suffix) K(Tanh<T>, tanh, T, suffix) K(Sigmoid<T>, sigmoid, T, suffix)
#define FOR_ALL(K) FOR_FUNCTIONS(K, float, f32) FOR_FUNCTIONS(K, double, f64) FOR_FUNCTIONS(K, bf16, bf16)

// out = f(x). Both [rows, width].
template <typename F, typename T>
__device__ void activation_forward(Columns<const T> x, Columns<T> out, i64 rows, i64 width) {
    map_all(rows, width, [](wide<T> x) { return F::value(x); }, out, x);
}
#define K(F, function, T, suffix) \
    KERNEL(activation_forward_##function##_##suffix, \
           (const T *x, i64 x_stride, T *out, i64 out_stride, i64 rows, i64 width), \
           activation_forward<F, T>({x, x_stride}, {out, out_stride}, rows, width))
FOR_ALL(K)
#undef K

// dx = dy f'(x), which may be dy. All [rows, width].
template <typename F, typename T>
__device__ void activation_backward(Columns<const T> x, Columns<const T> dy, Columns<T> dx, i64 rows, i64 width) {
    map_all(rows, width, [](wide<T> x, wide<T> dy) { return dy * F::slope(x).slope; }, dx, x, dy);
}
#define K(F, function, T, suffix) \
    KERNEL(activation_backward_##function##_##suffix, \
           (const T *x, i64 x_stride, const T *dy, i64 dy_stride, T *dx, i64 dx_stride, i64 rows, i64 width), \
           activation_backward<F, T>({x, x_stride}, {dy, dy_stride}, {dx, dx_stride}, rows, width))
FOR_ALL(K)
#undef K

// Calls `f` with the index of a pack of N elements of a gate in x, and with those of two results; rows of each are
// `stride` elements apart. `up` follows `gate` by `hidden` elements.
template <int N, typename F>
__device__ inline void for_gates(i64 rows, i64 hidden, i64 x_stride, i64 first_stride, i64 second_stride, F f) {
    u64 packs = hidden / N, n = rows * packs;
    i64 x_more = x_stride / N - packs, first_more = first_stride / N - packs, second_more = second_stride / N - packs;
    for (u64 i = thread_index(); i < n; i += thread_count()) {
        i64 row = i / packs;
        f(i + row * x_more, i + row * first_more, i + row * second_more);
    }
}

// out [rows, hidden] = f(gate) up; a row of x [rows, 2 hidden] holds gate, then up.
template <typename F, typename T, int N>
__device__ void gated_values(Columns<const T> x, Columns<T> out, i64 rows, i64 hidden) {
    for_gates<N>(rows, hidden, x.stride, out.stride, out.stride, [=](i64 gate, i64 to, i64) {
        auto product = [](wide<T> gate, wide<T> up) { return F::value(gate) * up; };
        store(out.at, to, map_pack<T, N>(product, load<N>(x.at, gate), load<N>(x.at + hidden, gate)));
    });
}
template <typename F, typename T>
__device__ void gated_forward(Columns<const T> x, Columns<T> out, i64 rows, i64 hidden) {
    constexpr int N = 16 / sizeof(T);
    bool packed = hidden % N == 0 && x.stride % N == 0 && out.stride % N == 0 && aligned(x.at, out.at);
    if (packed) gated_values<F, T, N>(x, out, rows, hidden);
    else gated_values<F, T, 1>(x, out, rows, hidden);
}
#define K(F, function, T, suffix) \
    KERNEL(gated_forward_##function##_##suffix, \
           (const T *x, i64 x_stride, T *out, i64 out_stride, i64 rows, i64 hidden), \
           gated_forward<F, T>({x, x_stride}, {out, out_stride}, rows, hidden))
FOR_ALL(K)
#undef K

// dx [rows, 2 hidden] from dy [rows, hidden]: dgate = dy up f'(gate), dup = dy f(gate).
template <typename F, typename T, int N>
__device__ void gated_slopes(Columns<const T> x, Columns<const T> dy, Columns<T> dx, i64 rows, i64 hidden) {
    for_gates<N>(rows, hidden, x.stride, dy.stride, dx.stride, [=](i64 gate, i64 from, i64 to) {
        Pack<T, N> gates = load<N>(x.at, gate), ups = load<N>(x.at + hidden, gate), dys = load<N>(dy.at, from);
        Pack<T, N> dgate, dup;
#pragma unroll
        for (int k = 0; k < N; k++) {
            wide<T> up = widen(ups.value[k]), dy = widen(dys.value[k]);
            Slope<wide<T>> at = F::slope(widen(gates.value[k]));
            dgate.value[k] = narrow<T>(dy * up * at.slope);
            dup.value[k] = narrow<T>(dy * at.value);
        }
        store(dx.at, to, dgate);
        store(dx.at + hidden, to, dup);
    });
}
template <typename F, typename T>
__device__ void gated_backward(Columns<const T> x, Columns<const T> dy, Columns<T> dx, i64 rows, i64 hidden) {
    constexpr int N = 16 / sizeof(T);
    bool packed = hidden % N == 0 && x.stride % N == 0 && dy.stride % N == 0 && dx.stride % N == 0;
    if (packed && aligned(x.at, dy.at, dx.at)) gated_slopes<F, T, N>(x, dy, dx, rows, hidden);
    else gated_slopes<F, T, 1>(x, dy, dx, rows, hidden);
}
#define K(F, function, T, suffix) \
    KERNEL(gated_backward_##function##_##suffix, \
           (const T *x, i64 x_stride, const T *dy, i64 dy_stride, T *dx, i64 dx_stride, i64 rows, i64 hidden), \
           gated_backward<F, T>({x, x_stride}, {dy, dy_stride}, {dx, dx_stride}, rows, hidden))
FOR_ALL(K)
#undef K
