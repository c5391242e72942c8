// The beginning of every source that the loss compiler emits (host/src/loss/cuda/): the elementwise operations of
// host/src/loss/math.rs, loops over a row of logits, sums over a block.
//
// Compiled by NVRTC on the user's machine, which may have no CUDA headers: nothing is included, and bf16 is its bits.
// Before this text stand two types: S, the format of logits and row values, and G, the format of the gradient.
//
// Products are never fused with sums: the same expression must give the same bits wherever it stands, because graphs
// compare a value at an index with the values of its row.

#ifndef KERNEL
#define KERNEL(name, parameters, ...) \
    extern "C" __global__ void name parameters { __VA_ARGS__; }
#define KERNEL_BOUNDED(name, threads, parameters, ...) \
    extern "C" __global__ void __launch_bounds__(threads) name parameters { __VA_ARGS__; }
#endif

// A kernel whose blocks have up to 1024 threads with 64 registers each: a multiprocessor takes one or two rows of
// logits at a time, as many as stay in the second-level cache until they are read again.
#ifdef TRAINYARD_EMULATED
#define ROW_KERNEL KERNEL
#else
#define ROW_KERNEL(name, parameters, ...) \
    extern "C" __global__ void __launch_bounds__(1024, 1) name parameters { __VA_ARGS__; }
#endif

typedef unsigned int u32;
typedef long long i64;

// ---- Elementwise operations; NaN in gives NaN out. ----

__device__ inline float multiply(float x, float y) { return __fmul_rn(x, y); }
__device__ inline double multiply(double x, double y) { return __dmul_rn(x, y); }
__device__ inline float exp_of(float x) { return expf(x); }
__device__ inline double exp_of(double x) { return exp(x); }
__device__ inline float log_of(float x) { return logf(x); }
__device__ inline double log_of(double x) { return log(x); }
__device__ inline float log1p_of(float x) { return log1pf(x); }
__device__ inline double log1p_of(double x) { return log1p(x); }
__device__ inline float expm1_of(float x) { return expm1f(x); }
__device__ inline double expm1_of(double x) { return expm1(x); }
__device__ inline float sqrt_of(float x) { return sqrtf(x); }
__device__ inline double sqrt_of(double x) { return sqrt(x); }
__device__ inline float tanh_of(float x) { return tanhf(x); }
__device__ inline double tanh_of(double x) { return tanh(x); }
__device__ inline float power(float x, float a) { return powf(x, a); }
__device__ inline double power(double x, double a) { return pow(x, a); }

template <typename T> __device__ inline T negative(T x) { return -x; }
template <typename T> __device__ inline T absolute(T x) { return x < T(0) ? -x : x; }
template <typename T> __device__ inline T sign_of(T x) { return x > T(0) ? T(1) : x < T(0) ? T(-1) : x; }
template <typename T> __device__ inline T square(T x) { return multiply(x, x); }
template <typename T> __device__ inline T reciprocal(T x) { return T(1) / x; }
template <typename T> __device__ inline T relu(T x) { return x < T(0) ? T(0) : x; }
template <typename T> __device__ inline T sigmoid(T x) { return T(1) / (T(1) + exp_of(-x)); }
template <typename T> __device__ inline T clamp(T x, T low, T high) {
    x = x < low ? low : x;
    return x > high ? high : x;
}
// ln(1 + e^x) without overflow.
template <typename T> __device__ inline T softplus(T x) { return relu(x) + log1p_of(exp_of(x > T(0) ? -x : x)); }
template <typename T> __device__ inline T log_sigmoid(T x) { return -softplus(-x); }

template <typename T> __device__ inline T add(T x, T y) { return x + y; }
template <typename T> __device__ inline T subtract(T x, T y) { return x - y; }
template <typename T> __device__ inline T divide(T x, T y) { return x / y; }
// The sum is NaN in the one case that is left.
template <typename T> __device__ inline T minimum(T x, T y) { return x <= y ? x : x > y ? y : x + y; }
template <typename T> __device__ inline T maximum(T x, T y) { return x >= y ? x : x < y ? y : x + y; }
template <typename T> __device__ inline T less(T x, T y) { return x < y ? T(1) : T(0); }
template <typename T> __device__ inline T less_equal(T x, T y) { return x <= y ? T(1) : T(0); }
template <typename T> __device__ inline T equal(T x, T y) { return x == y ? T(1) : T(0); }
template <typename T> __device__ inline T exp_subtract(T x, T y) { return exp_of(x - y); }
template <typename T> __device__ inline T select(T x, T y, T z) { return x == T(0) ? z : y; }

// cap tanh(x / cap), and its slope where the result is y.
template <typename T> __device__ inline T soft_cap(T x, T cap) { return multiply(cap, tanh_of(x / cap)); }
template <typename T> __device__ inline T soft_cap_slope(T y, T cap) { return T(1) - square(y / cap); }

// ---- Formats ----

__device__ inline float lowest(float) { return -3.40282346638528859811704183484516925e+38f; }
__device__ inline double lowest(double) { return -1.7976931348623157e308; }
#define LOWEST lowest(S())

// The larger that is a number.
__device__ inline S larger(S x, S y) { return y > x ? y : x; }

// bf16, to the nearest, ties to even.
__device__ inline void store(unsigned short *out, float x) {
#ifdef TRAINYARD_EMULATED
    u32 bits = __float_as_uint(x);
    *out = x != x ? 0x7fff : (unsigned short)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
#else
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(*out) : "f"(x));
#endif
}
__device__ inline void store(float *out, float x) { *out = x; }
__device__ inline void store(double *out, double x) { *out = x; }

// ---- Rows ----

// What a thread loads at once: 16 bytes of S.
constexpr int WIDTH = 16 / sizeof(S);
template <typename T> struct __align__(WIDTH * sizeof(T)) Vector {
    T at[WIDTH];
};

// Some rows: of logits, of stored values, of the gradient.
template <typename T, int COUNT> struct Rows {
    T *at[COUNT > 0 ? COUNT : 1];
};

// The index in a register, or -1 outside of the vocabulary.
__device__ inline i64 index_of(S index, i64 vocab) {
    return index >= S(0) && index < S(vocab) ? (i64)index : -1;
}
__device__ inline S element(const S *row, S index, i64 vocab) {
    i64 at = index_of(index, vocab);
    return at >= 0 ? row[at] : S(0) / S(0);
}

// The largest of some numbers and the sum of e^(x - largest), COUNT times, in one go: the sum is scaled where a larger
// number is found (Milakov and Gimelshein 2018, arXiv 1805.02867).
template <int COUNT> struct Softmaxes {
    S max[COUNT > 0 ? COUNT : 1], sum[COUNT > 0 ? COUNT : 1];

    __device__ Softmaxes() {
        for (int k = 0; k < COUNT; k++) max[k] = LOWEST, sum[k] = S(0);
    }
    // Takes N numbers x[k] for each k.
    template <int N> __device__ __forceinline__ void take(const S (*x)[N]) {
#pragma unroll
        for (int k = 0; k < COUNT; k++) {
            S largest = max[k];
#pragma unroll
            for (int i = 0; i < N; i++) largest = larger(largest, x[k][i]);
            if (largest > max[k]) {
                sum[k] = multiply(sum[k], exp_subtract(max[k], largest));
                max[k] = largest;
            }
#pragma unroll
            for (int i = 0; i < N; i++) sum[k] += exp_subtract(x[k][i], max[k]);
        }
    }
};

// Calls `body(j, in, out, x)` for UNROLL vectors of elements from j on, `blockDim.x` vectors apart. All loads come
// first.
template <int UNROLL, int INPUTS, int OUTPUTS, int COUNT, typename Out, typename Body>
__device__ __forceinline__ void sweep_vectors(const Rows<const S, INPUTS> &from, const Rows<Out, OUTPUTS> &to,
                                              Softmaxes<COUNT> &softmaxes, i64 j, Body &body) {
    Vector<S> in[UNROLL][INPUTS > 0 ? INPUTS : 1];
    S x[COUNT > 0 ? COUNT : 1][UNROLL * WIDTH];
#pragma unroll
    for (int u = 0; u < UNROLL; u++) {
#pragma unroll
        for (int k = 0; k < INPUTS; k++) {
            in[u][k] = *reinterpret_cast<const Vector<S> *>(from.at[k] + j + (i64)u * WIDTH * blockDim.x);
        }
    }
#pragma unroll
    for (int u = 0; u < UNROLL; u++) {
        i64 at = j + (i64)u * WIDTH * blockDim.x;
        Vector<Out> out[OUTPUTS > 0 ? OUTPUTS : 1];
#pragma unroll
        for (int e = 0; e < WIDTH; e++) {
            S inputs[INPUTS > 0 ? INPUTS : 1], outputs[OUTPUTS > 0 ? OUTPUTS : 1], terms[COUNT > 0 ? COUNT : 1];
#pragma unroll
            for (int k = 0; k < INPUTS; k++) inputs[k] = in[u][k].at[e];
            body(at + e, inputs, outputs, terms);
#pragma unroll
            for (int k = 0; k < OUTPUTS; k++) store(&out[k].at[e], outputs[k]);
#pragma unroll
            for (int k = 0; k < COUNT; k++) x[k][u * WIDTH + e] = terms[k];
        }
#pragma unroll
        for (int k = 0; k < OUTPUTS; k++) *reinterpret_cast<Vector<Out> *>(to.at[k] + at) = out[k];
    }
    softmaxes.template take<UNROLL * WIDTH>(x);
}

// Calls `body(j, in, out, x)` for every element j of a row, by all threads of the block: `in` has the elements of the
// rows `from`, what is put into `out` is written to the rows `to`, what is put into `x` is taken by `softmaxes`. Rows
// begin at multiples of 16 bytes. Every element has the same thread in every sweep, and a thread's elements come in
// rising order, whatever AT_ONCE is: 0 compiles `body` only once, for long ones.
template <int AT_ONCE, int INPUTS, int OUTPUTS, typename Out, int COUNT, typename Body>
__device__ __forceinline__ void sweep(Rows<const S, INPUTS> from, Rows<Out, OUTPUTS> to, i64 vocab,
                                      Softmaxes<COUNT> &softmaxes, Body body) {
    // An f64 and what is computed from it take twice the registers.
    constexpr int UNROLL = sizeof(S) == 8 && AT_ONCE > 1 ? AT_ONCE / 2 : AT_ONCE;
    i64 step = (i64)WIDTH * blockDim.x, whole = vocab / WIDTH * WIDTH;
    i64 j = (i64)WIDTH * threadIdx.x;
    if constexpr (UNROLL > 1) {
        for (; j + (UNROLL - 1) * step < whole; j += UNROLL * step) {
            sweep_vectors<UNROLL, INPUTS, OUTPUTS, COUNT, Out>(from, to, softmaxes, j, body);
        }
    }
    if constexpr (UNROLL > 0) {
        for (; j < whole; j += step) sweep_vectors<1, INPUTS, OUTPUTS, COUNT, Out>(from, to, softmaxes, j, body);
    }
    // Single elements: those of all vectors if there were none so far, then the last ones of the row.
    if (j >= whole) j = whole + threadIdx.x;
    while (j < vocab) {
        S in[INPUTS > 0 ? INPUTS : 1], out[OUTPUTS > 0 ? OUTPUTS : 1], x[COUNT > 0 ? COUNT : 1][1];
        for (int k = 0; k < INPUTS; k++) in[k] = from.at[k][j];
        body(j, in, out, &x[0][0]);
        for (int k = 0; k < OUTPUTS; k++) store(to.at[k] + j, out[k]);
        softmaxes.template take<1>(x);
        if (j >= whole) break;
        j += (j + 1) % WIDTH == 0 ? step - (WIDTH - 1) : 1;
        if (j >= whole) j = whole + threadIdx.x;
    }
}

// ---- Sums and maxima over a block of whole warps, in every thread, in a fixed order; all threads must call them. ----

template <typename T> __device__ inline T sum_over_block(T x) {
    __shared__ T of_warp[32];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(0xffffffffu, x, distance);
    __syncthreads();
    if (lane == 0) of_warp[warp] = x;
    __syncthreads();
    x = lane < warps ? of_warp[lane] : T(0);
    for (int distance = 16; distance > 0; distance /= 2) x += __shfl_xor_sync(0xffffffffu, x, distance);
    return x;
}

// A row of any length costs no digits: the sums of the threads are added in 64 bits.
__device__ inline S block_sum(S x) { return S(sum_over_block((double)x)); }

__device__ inline S block_max(S x) {
    __shared__ S of_warp[32];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    for (int distance = 16; distance > 0; distance /= 2) x = larger(x, __shfl_xor_sync(0xffffffffu, x, distance));
    __syncthreads();
    if (lane == 0) of_warp[warp] = x;
    __syncthreads();
    x = lane < warps ? of_warp[lane] : LOWEST;
    for (int distance = 16; distance > 0; distance /= 2) x = larger(x, __shfl_xor_sync(0xffffffffu, x, distance));
    return x;
}

// The largest element so far and where it is first.
struct Largest {
    S value;
    int index;
};
__device__ inline Largest first_largest(Largest so_far, S x, i64 j) {
    return x > so_far.value ? Largest{x, (int)j} : so_far;
}
__device__ inline Largest first_of_two(Largest a, Largest b) {
    return b.value > a.value || (b.value == a.value && b.index < a.index) ? b : a;
}
__device__ inline Largest warp_first_largest(Largest x) {
    for (int distance = 16; distance > 0; distance /= 2) {
        S value = __shfl_xor_sync(0xffffffffu, x.value, distance);
        int index = __shfl_xor_sync(0xffffffffu, x.index, distance);
        x = first_of_two(x, {value, index});
    }
    return x;
}
__device__ inline Largest block_first_largest(Largest x) {
    __shared__ S values[32];
    __shared__ int indices[32];
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    x = warp_first_largest(x);
    __syncthreads();
    if (lane == 0) {
        values[warp] = x.value;
        indices[warp] = x.index;
    }
    __syncthreads();
    return warp_first_largest(lane < warps ? Largest{values[lane], indices[lane]} : Largest{LOWEST, 0});
}

// ---- Scalars and sequences: one block, 64 bits. ----

// Writes a scalar that all threads have computed.
__device__ inline void set(double *scalar, double value) {
    if (threadIdx.x == 0) *scalar = value;
    __syncthreads();
}

// Sum of n numbers.
template <typename T> __device__ inline double sum_of(const T *x, i64 n) {
    double sum = 0;
    for (i64 i = threadIdx.x; i < n; i += blockDim.x) sum += (double)x[i];
    return sum_over_block(sum);
}

// First row of a sequence, or the number of rows behind the last one: `group` [rows] holds the sequence of each row and
// never falls.
__device__ inline i64 first_row(const u32 *group, i64 rows, i64 sequence) {
    i64 low = 0, high = rows;
    while (low < high) {
        i64 middle = (low + high) / 2;
        if ((i64)group[middle] < sequence) low = middle + 1;
        else high = middle;
    }
    return low;
}

// Sum over the rows of each sequence: a warp takes one after the other.
__device__ inline void sums_of_sequences(const S *x, i64 sequences, const u32 *group, i64 rows, double *out) {
    int lane = threadIdx.x % 32;
    for (i64 sequence = threadIdx.x / 32; sequence < sequences; sequence += blockDim.x / 32) {
        double sum = 0;
        const i64 end = first_row(group, rows, sequence + 1);
        for (i64 i = first_row(group, rows, sequence) + lane; i < end; i += 32) sum += (double)x[i];
        for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, distance);
        if (lane == 0) out[sequence] = sum;
    }
    __syncthreads();
}

// Number of rows of each sequence.
__device__ inline void sizes_of_sequences(i64 sequences, const u32 *group, i64 rows, double *out) {
    for (i64 i = threadIdx.x; i < sequences; i += blockDim.x)
        out[i] = (double)(first_row(group, rows, i + 1) - first_row(group, rows, i));
    __syncthreads();
}
