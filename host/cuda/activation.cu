// Activations and gated activations.
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

// Calls `f` with the function of a form: a loop for each, so that none computes what it does not need.
template <typename T, typename F> __device__ inline void with_function(i64 form, F f) {
    switch (form) {
    case 0: return f(GeluTanh<T>());
    case 1: return f(GeluErf<T>());
    case 2: return f(Relu<T>());
    case 3: return f(Silu<T>());
    case 4: return f(Tanh<T>());
    default: return f(Sigmoid<T>());
    }
}

// The same for columns that are no arrays: one loop for all.
template <typename T> __device__ inline Slope<wide<T>> any_slope(i64 form, wide<T> x) {
    switch (form) {
    case 0: return GeluTanh<T>::slope(x);
    case 1: return GeluErf<T>::slope(x);
    case 2: return Relu<T>::slope(x);
    case 3: return Silu<T>::slope(x);
    case 4: return Tanh<T>::slope(x);
    default: return Sigmoid<T>::slope(x);
    }
}
template <typename T> __device__ inline wide<T> any_value(i64 form, wide<T> x) {
    switch (form) {
    case 0: return GeluTanh<T>::value(x);
    case 1: return GeluErf<T>::value(x);
    case 2: return Relu<T>::value(x);
    case 3: return Silu<T>::value(x);
    case 4: return Tanh<T>::value(x);
    default: return Sigmoid<T>::value(x);
    }
}

// out = f(x). Both [rows, width].
template <typename T>
__device__ void activation_forward(i64 form, Columns<const T> x, Columns<T> out, i64 rows, i64 width) {
    typedef wide<T> S;
    if (!whole(width, x, out))
        return map_columns(rows, width, [=](S x) { return any_value<T>(form, x); }, out, x);
    with_function<T>(form, [=](auto f) {
        map(rows * width, [](S x) { return decltype(f)::value(x); }, out.at, x.at);
    });
}
#define K(T, suffix) \
    KERNEL(activation_forward_##suffix, \
           (i64 form, const T *x, i64 x_stride, T *out, i64 out_stride, i64 rows, i64 width), \
           activation_forward<T>(form, {x, x_stride}, {out, out_stride}, rows, width))
FOR_ACTIVATIONS(K)
#undef K

// dx = dy f'(x), which may be dy. All [rows, width].
template <typename T>
__device__ void activation_backward(i64 form, Columns<const T> x, Columns<const T> dy, Columns<T> dx, i64 rows,
                                    i64 width) {
    typedef wide<T> S;
    if (!whole(width, x, dy, dx))
        return map_columns(rows, width, [=](S x, S dy) { return dy * any_slope<T>(form, x).slope; }, dx, x, dy);
    with_function<T>(form, [=](auto f) {
        map(rows * width, [](S x, S dy) { return dy * decltype(f)::slope(x).slope; }, dx.at, x.at, dy.at);
    });
}
#define K(T, suffix) \
    KERNEL(activation_backward_##suffix, \
           (i64 form, const T *x, i64 x_stride, const T *dy, i64 dy_stride, T *dx, i64 dx_stride, i64 rows, i64 width), \
           activation_backward<T>(form, {x, x_stride}, {dy, dy_stride}, {dx, dx_stride}, rows, width))
FOR_ACTIVATIONS(K)
#undef K

// Calls `f(gate, result)` with where a pack of N elements of a gate begins in a row of x, and of the result in its row.
// `up` follows `gate` by `hidden` elements.
template <int N, typename F>
__device__ inline void for_gates(i64 rows, i64 hidden, i64 x_stride, i64 out_stride, F f) {
    u64 packs = hidden / N, n = rows * packs;
    i64 x_more = x_stride / N - packs, out_more = out_stride / N - packs;
    for (u64 i = thread_index(); i < n; i += thread_count()) {
        i64 row = i / packs;
        f(i + row * x_more, i + row * out_more);
    }
}

// out [rows, hidden] = f(gate) up; a row of x [rows, 2 hidden] holds gate, then up.
template <typename T, int N, typename F>
__device__ void gated_values(F f, Columns<const T> x, Columns<T> out, i64 rows, i64 hidden) {
    for_gates<N>(rows, hidden, x.stride, out.stride, [=](i64 gate, i64 i) {
        auto product = [=](wide<T> gate, wide<T> up) { return f(gate) * up; };
        store(out.at, i, map_pack<T, N>(product, load<N>(x.at, gate), load<N>(x.at + hidden, gate)));
    });
}
template <typename T>
__device__ void gated_forward(i64 form, Columns<const T> x, Columns<T> out, i64 rows, i64 hidden) {
    constexpr int N = 16 / sizeof(T);
    typedef wide<T> S;
    if (hidden % N || x.stride % N || out.stride % N || !aligned(x.at, out.at))
        return gated_values<T, 1>([=](S x) { return any_value<T>(form, x); }, x, out, rows, hidden);
    with_function<T>(form, [=](auto f) {
        gated_values<T, N>([](S x) { return decltype(f)::value(x); }, x, out, rows, hidden);
    });
}
#define K(T, suffix) \
    KERNEL(gated_forward_##suffix, \
           (i64 form, const T *x, i64 x_stride, T *out, i64 out_stride, i64 rows, i64 hidden), \
           gated_forward<T>(form, {x, x_stride}, {out, out_stride}, rows, hidden))
FOR_ACTIVATIONS(K)
#undef K

// dx [rows, 2 hidden] from dy [rows, hidden]: dgate = dy up f'(gate), dup = dy f(gate).
template <typename T, int N, typename F>
__device__ void gated_slopes(F f, Columns<const T> x, Columns<const T> dy, Columns<T> dx, i64 rows, i64 hidden) {
    typedef wide<T> S;
    u64 packs = hidden / N, n = rows * packs;
    i64 x_more = x.stride / N - packs, dy_more = dy.stride / N - packs, dx_more = dx.stride / N - packs;
    for (u64 i = thread_index(); i < n; i += thread_count()) {
        i64 row = i / packs, from = i + row * x_more, to = i + row * dx_more;
        Pack<T, N> gates = load<N>(x.at, from), ups = load<N>(x.at + hidden, from);
        Pack<T, N> dys = load<N>(dy.at, i + row * dy_more), dgate, dup;
#pragma unroll
        for (int k = 0; k < N; k++) {
            S up = widen(ups.value[k]), dy = widen(dys.value[k]);
            Slope<S> at = f(widen(gates.value[k]));
            dgate.value[k] = narrow<T>(dy * up * at.slope);
            dup.value[k] = narrow<T>(dy * at.value);
        }
        store(dx.at, to, dgate);
        store(dx.at + hidden, to, dup);
    }
}
template <typename T>
__device__ void gated_backward(i64 form, Columns<const T> x, Columns<const T> dy, Columns<T> dx, i64 rows, i64 hidden) {
    constexpr int N = 16 / sizeof(T);
    typedef wide<T> S;
    if (hidden % N || x.stride % N || dy.stride % N || dx.stride % N || !aligned(x.at, dy.at, dx.at))
        return gated_slopes<T, 1>([=](S x) { return any_slope<T>(form, x); }, x, dy, dx, rows, hidden);
    with_function<T>(form, [=](auto f) {
        gated_slopes<T, N>([](S x) { return decltype(f)::slope(x); }, x, dy, dx, rows, hidden);
    });
}
#define K(T, suffix) \
    KERNEL(gated_backward_##suffix, \
           (i64 form, const T *x, i64 x_stride, const T *dy, i64 dy_stride, T *dx, i64 dx_stride, i64 rows, i64 hidden), \
           gated_backward<T>(form, {x, x_stride}, {dy, dy_stride}, {dx, dx_stride}, rows, hidden))
FOR_ACTIVATIONS(K)
#undef K
