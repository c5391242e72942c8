// One pass over all parameters: the update of AdamW (Loshchilov & Hutter, arXiv 1711.05101; the order of PyTorch's) or
// of SGD with momentum, and what they need to know about all gradients.
//
// The parameters are `slots`, cut into `chunks` of up to 32768 elements; one launch covers all of them.
//
// Launch, without dynamic shared memory:
// prepare_update: one block of 1024. All others: one block of 512 per chunk.
#include "common.cuh"

constexpr i64 CHUNK = 32768;
constexpr int THREADS = 512;

// A parameter, all arrays [n].
template <typename S> struct Slot {
    S *value, *grad;
    S *first;      // first moment, or velocity
    S *second;     // second moment; null in SGD
    bf16 *shadow;  // the value in bf16, kept beside it; null where nobody reads one
    i64 n;
    double decay;  // weight decay
    double rate;   // its learning rate as a multiple of the step's
};

// The elements of a slot from `start` (a multiple of CHUNK) on, CHUNK at most.
struct Chunk {
    i64 slot, start;
};

// What a step is told, and what it reports.
struct Control {
    double lr, bias1, bias2;  // learning rate; 1 - beta1^t and 1 - beta2^t
    double clip;              // largest norm of the gradient; 0: any
    double loss, weight;      // value and weight of the batch
    double grad_norm;
    double scale;   // what gradients are multiplied by
    double finite;  // 1, or 0: nothing is updated
};

// How many elements a pack has, as a type: so that one generic function handles packs and single elements.
template <int N> struct Size {
    static constexpr int value = N;
};

// Calls `f(size, i)` for each pack i of 16 bytes of the chunk, and for each element i that is left over; for elements
// only where `packed` is false: a view may begin at any element.
template <typename S, typename F>
__device__ inline void for_chunk(const Slot<S> &slot, const Chunk &chunk, bool packed, F f) {
    constexpr int N = 16 / sizeof(S);
    i64 end = slot.n - chunk.start < CHUNK ? slot.n : chunk.start + CHUNK, rest = chunk.start;
    if (packed) {
        for (i64 i = rest / N + threadIdx.x; i < end / N; i += blockDim.x) f(Size<N>(), i);
        rest = end / N * N;
    }
    for (i64 i = rest + threadIdx.x; i < end; i += blockDim.x) f(Size<1>(), i);
}

template <typename S> __device__ void zero_gradients(const Slot<S> *slots, const Chunk *chunks) {
    Chunk chunk = chunks[blockIdx.x];
    Slot<S> slot = slots[chunk.slot];
    for_chunk(slot, chunk, aligned(slot.grad), [&](auto size, i64 i) {
        constexpr int N = decltype(size)::value;
        store(slot.grad, i, Pack<S, N>{});
    });
}
#define K(S, suffix) \
    KERNEL_BOUNDED(zero_gradients_##suffix, THREADS, (const Slot<S> *slots, const Chunk *chunks), \
                   zero_gradients(slots, chunks))
FOR_PARAMETERS(K)
#undef K

template <int N, typename S> __device__ inline void store_shadow(const Slot<S> &slot, i64 i, const Pack<S, N> &value) {
    Pack<bf16, N> shadow;
    for (int k = 0; k < N; k++) shadow.value[k] = narrow<bf16>(float(value.value[k]));
    store(slot.shadow, i, shadow);
}

// partial[chunk] = Σ grad².
template <typename S> __device__ void squares(const Slot<S> *slots, const Chunk *chunks, double *partial) {
    __shared__ double scratch[32];
    Chunk chunk = chunks[blockIdx.x];
    Slot<S> slot = slots[chunk.slot];
    double sum = 0;
    for_chunk(slot, chunk, aligned(slot.grad), [&](auto size, i64 i) {
        constexpr int N = decltype(size)::value;
        Pack<S, N> grad = load<N>(slot.grad, i);
        for (int k = 0; k < N; k++) sum += double(grad.value[k]) * double(grad.value[k]);
    });
    sum = block_sum(sum, scratch);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}
#define K(S, suffix) \
    KERNEL_BOUNDED(squares_##suffix, THREADS, (const Slot<S> *slots, const Chunk *chunks, double *partial), \
                   squares(slots, chunks, partial))
FOR_PARAMETERS(K)
#undef K

// Decides about the step from the loss's sum and weight (`totals` begins with them) and the sums of squares, `parts` of
// them: the gradient's norm, and by how much it is clipped, as PyTorch's `clip_grad_norm_` does.
__device__ void prepare(const double *totals, const double *partial, i64 parts, Control *control) {
    __shared__ double scratch[32];
    double sum = 0;
    for (i64 i = threadIdx.x; i < parts; i += blockDim.x) sum += partial[i];
    sum = block_sum(sum, scratch);
    if (threadIdx.x != 0) return;
    double weight = totals[1], loss = totals[0] / weight, norm = sqrt(sum) / fabs(weight), clip = control->clip;
    control->loss = loss;
    control->weight = weight;
    control->grad_norm = norm;
    control->scale = (clip > 0 ? fmin(clip / (norm + 1e-6), 1.0) : 1.0) / weight;
    control->finite = weight != 0 && isfinite(loss) && isfinite(norm);
}
KERNEL_BOUNDED(prepare_update, 1024, (const double *totals, const double *partial, i64 parts, Control *control),
               prepare(totals, partial, parts, control))

// g = scale · grad; m = β₁ m + (1-β₁) g; v = β₂ v + (1-β₂) g²; p = p (1 - lr · decay) - lr m̂ / (√v̂ + ε), with m̂ and
// v̂ the moments divided by 1 - βᵗ. The constants are computed in double, then rounded.
template <typename S>
__device__ void adamw(const Slot<S> *slots, const Chunk *chunks, const Control *control, double beta1, double beta2,
                      double eps) {
    if (control->finite == 0) return;
    Chunk chunk = chunks[blockIdx.x];
    Slot<S> slot = slots[chunk.slot];
    double lr = control->lr * slot.rate;
    S scale = control->scale, keep = 1 - lr * slot.decay, rate = lr / control->bias1;
    S unroot = 1 / sqrt(control->bias2), epsilon = eps;
    S decay1 = beta1, rest1 = 1 - beta1, decay2 = beta2, rest2 = 1 - beta2;
    bool packed = aligned(slot.value, slot.grad, slot.first, slot.second) && aligned(slot.shadow);
    for_chunk(slot, chunk, packed, [&](auto size, i64 i) {
        constexpr int N = decltype(size)::value;
        Pack<S, N> value = load<N>(slot.value, i), grad = load<N>(slot.grad, i);
        Pack<S, N> first = load<N>(slot.first, i), second = load<N>(slot.second, i);
        for (int k = 0; k < N; k++) {
            S g = scale * grad.value[k];
            S m = first.value[k] = decay1 * first.value[k] + rest1 * g;
            S v = second.value[k] = decay2 * second.value[k] + rest2 * g * g;
            value.value[k] = value.value[k] * keep - rate * m / (sqrt(v) * unroot + epsilon);
        }
        store(slot.value, i, value);
        store(slot.first, i, first);
        store(slot.second, i, second);
        if (slot.shadow) store_shadow(slot, i, value);
    });
}
#define K(S, suffix) \
    KERNEL_BOUNDED(adamw_##suffix, THREADS, \
                   (const Slot<S> *slots, const Chunk *chunks, const Control *control, double beta1, double beta2, \
                    double eps), \
                   adamw(slots, chunks, control, beta1, beta2, eps))
FOR_PARAMETERS(K)
#undef K

// u = momentum · u + scale · grad + decay · p; p = p - lr u.
template <typename S>
__device__ void sgd(const Slot<S> *slots, const Chunk *chunks, const Control *control, double momentum) {
    if (control->finite == 0) return;
    Chunk chunk = chunks[blockIdx.x];
    Slot<S> slot = slots[chunk.slot];
    S scale = control->scale, lr = control->lr * slot.rate, decay = slot.decay, keep = momentum;
    bool packed = aligned(slot.value, slot.grad, slot.first) && aligned(slot.shadow);
    for_chunk(slot, chunk, packed, [&](auto size, i64 i) {
        constexpr int N = decltype(size)::value;
        Pack<S, N> value = load<N>(slot.value, i), grad = load<N>(slot.grad, i), velocity = load<N>(slot.first, i);
        for (int k = 0; k < N; k++) {
            velocity.value[k] = keep * velocity.value[k] + scale * grad.value[k] + decay * value.value[k];
            value.value[k] -= lr * velocity.value[k];
        }
        store(slot.value, i, value);
        store(slot.first, i, velocity);
        if (slot.shadow) store_shadow(slot, i, value);
    });
}
#define K(S, suffix) \
    KERNEL_BOUNDED(sgd_##suffix, THREADS, \
                   (const Slot<S> *slots, const Chunk *chunks, const Control *control, double momentum), \
                   sgd(slots, chunks, control, momentum))
FOR_PARAMETERS(K)
#undef K
