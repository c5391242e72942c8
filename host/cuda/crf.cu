// Linear-chain conditional random fields: partitions, scores, gradients, best tags. Everything is computed in double,
// sums of e^x as logarithms: scores of any size are right, and tags are few.
//
// Launch of all but crf_add: a block of whole warps for each sequence, dynamic shared memory of 2 tags doubles.
// crf_add: any grid of one dimension, no dynamic shared memory.
#include "common.cuh"

// Weights, with -inf for what is not allowed. `allowed` [(2 + tags) tags] says so of first tags, last tags and
// transitions [from, to]; null where everything is.
template <typename S> struct Weights {
    const S *first, *last, *transitions;
    const u32 *allowed;
    i64 tags;
    __device__ double weight(const S *weights, i64 before, i64 i) const {
        return allowed && !allowed[before + i] ? -INFINITY : (double)weights[i];
    }
    __device__ double start(i64 tag) const { return weight(first, 0, tag); }
    __device__ double end(i64 tag) const { return weight(last, tags, tag); }
    __device__ double transition(i64 from, i64 to) const { return weight(transitions, 2 * tags, from * tags + to); }
};
#define WEIGHTS(T) const wide<T> *first, const wide<T> *last, const wide<T> *transitions, const u32 *allowed, i64 tags
#define THESE_WEIGHTS(T) Weights<wide<T>>{first, last, transitions, allowed, tags}

// ln of the sum of e^x(i) for i below n; -inf of nothing but -inf.
template <typename F> __device__ inline double log_sum_exp(i64 n, F x) {
    double largest = -INFINITY, sum = 0;
    for (i64 i = 0; i < n; i++) {
        double value = x(i);
        largest = value > largest ? value : largest;
    }
    // where nothing is larger than -inf the sum is -inf, or NaN
    bool is_empty = largest == -INFINITY;
    for (i64 i = 0; i < n; i++) sum += is_empty ? x(i) : exp(x(i) - largest);
    return is_empty ? sum : largest + log(sum);
}

// forward [rows, tags]: the logarithms of the sums of all sequences of tags that end with a tag in a row. likelihoods
// [sequences, 2]: partition and score. emissions [rows, tags]; labels [rows]; ranges [sequences, 2]: first row, rows.
template <typename T>
__device__ void crf_forward(const T *emissions, const u32 *labels, const u32 *ranges, Weights<wide<T>> weights,
                            double *forward, double *likelihoods) {
    DYNAMIC_SHARED(double, before);
    __shared__ double scratch[32];
    const i64 tags = weights.tags, begin = ranges[2 * blockIdx.x], rows = ranges[2 * blockIdx.x + 1];
    emissions += begin * tags, forward += begin * tags, labels += begin;
    double score = 0;
    for (i64 row = threadIdx.x; row < rows; row += blockDim.x) {
        i64 tag = labels[row];
        score += (double)widen(emissions[row * tags + tag]);
        score += row == 0 ? weights.start(tag) : weights.transition(labels[row - 1], tag);
        if (row + 1 == rows) score += weights.end(tag);
    }
    score = block_sum(score, scratch);
    for (i64 row = 0; row < rows; row++) {
        for (i64 to = threadIdx.x; to < tags; to += blockDim.x) {
            double arrived = weights.start(to);
            if (row > 0)
                arrived = log_sum_exp(tags, [=](i64 i) { return before[i] + weights.transition(i, to); });
            forward[row * tags + to] = arrived + (double)widen(emissions[row * tags + to]);
        }
        __syncthreads();  // all have read what was before
        for (i64 to = threadIdx.x; to < tags; to += blockDim.x) before[to] = forward[row * tags + to];
        __syncthreads();
    }
    if (threadIdx.x > 0) return;
    double partition = 0;
    if (rows > 0) partition = log_sum_exp(tags, [=](i64 i) { return before[i] + weights.end(i); });
    likelihoods[2 * blockIdx.x] = partition;
    likelihoods[2 * blockIdx.x + 1] = score;
}
#define K(T, suffix) \
    KERNEL(crf_forward_##suffix, \
           (const T *emissions, const u32 *labels, const u32 *ranges, WEIGHTS(T), double *forward, \
            double *likelihoods), \
           crf_forward(emissions, labels, ranges, THESE_WEIGHTS(T), forward, likelihoods))
FOR_ACTIVATIONS(K)
#undef K

// Gradients of the sum of scale * (partition - score): demissions [rows, tags], of rows of sequences, and
// partial [sequences, (2 + tags) tags], those of first tags, last tags and transitions. forward and likelihoods are as
// crf_forward left them.
template <typename T>
__device__ void crf_backward(const T *emissions, const u32 *labels, const u32 *ranges, Weights<wide<T>> weights,
                             const double *forward, const double *likelihoods, const float *scales, T *demissions,
                             double *partial) {
    DYNAMIC_SHARED(double, beyond);  // [tags], of what follows a tag
    const i64 tags = weights.tags, begin = ranges[2 * blockIdx.x], rows = ranges[2 * blockIdx.x + 1];
    double *step = beyond + tags;  // [tags], the same with the emission
    emissions += begin * tags, forward += begin * tags, labels += begin, demissions += begin * tags;
    double *of_first = partial + blockIdx.x * (2 + tags) * tags, *of_last = of_first + tags, *pairs = of_last + tags;
    const double partition = likelihoods[2 * blockIdx.x], scale = scales[blockIdx.x];
    // A thread has the same tags in all loops: but for `step`, none reads what another one writes.
    for (i64 tag = threadIdx.x; tag < tags; tag += blockDim.x) {
        of_first[tag] = of_last[tag] = 0;
        for (i64 to = 0; to < tags; to++) pairs[tag * tags + to] = 0;
        beyond[tag] = weights.end(tag);
    }
    for (i64 row = rows - 1; row >= 0; row--) {
        for (i64 tag = threadIdx.x; tag < tags; tag += blockDim.x) {
            double marginal = exp(forward[row * tags + tag] + beyond[tag] - partition);
            double gradient = scale * (tag == labels[row] ? marginal - 1 : marginal);
            demissions[row * tags + tag] = narrow<T>((wide<T>)gradient);
            if (row == 0) of_first[tag] = gradient;
            if (row + 1 == rows) of_last[tag] = gradient;
            step[tag] = beyond[tag] + (double)widen(emissions[row * tags + tag]);
        }
        if (row == 0) break;
        __syncthreads();
        for (i64 from = threadIdx.x; from < tags; from += blockDim.x) {
            double largest = -INFINITY, sum = 0, *of_pair = pairs + from * tags;
            for (i64 to = 0; to < tags; to++) {
                double value = step[to] + weights.transition(from, to);
                largest = value > largest ? value : largest;
            }
            bool is_empty = largest == -INFINITY;  // nothing may follow
            double factor = scale * exp(forward[(row - 1) * tags + from] + largest - partition);
            for (i64 to = 0; to < tags && !is_empty; to++) {
                double term = exp(step[to] + weights.transition(from, to) - largest);
                sum += term;
                of_pair[to] += factor * term;
            }
            if (from == labels[row - 1]) of_pair[labels[row]] -= scale;
            beyond[from] = is_empty ? largest : largest + log(sum);
        }
        __syncthreads();
    }
}
#define K(T, suffix) \
    KERNEL(crf_backward_##suffix, \
           (const T *emissions, const u32 *labels, const u32 *ranges, WEIGHTS(T), const double *forward, \
            const double *likelihoods, const float *scales, T *demissions, double *partial), \
           crf_backward(emissions, labels, ranges, THESE_WEIGHTS(T), forward, likelihoods, scales, demissions, \
                        partial))
FOR_ACTIVATIONS(K)
#undef K

// The gradients of first tags and last tags [tags] and of transitions [tags, tags] get the sums of `partial` over the
// sequences, in their order. Those that are null are not wanted.
template <typename S>
__device__ void crf_add(const double *partial, i64 sequences, i64 tags, S *dfirst, S *dlast, S *dtransitions) {
    i64 numbers = (2 + tags) * tags;
    for (i64 i = thread_index(); i < numbers; i += thread_count()) {
        S *gradient = i < tags ? dfirst : i < 2 * tags ? dlast : dtransitions;
        if (!gradient) continue;
        double sum = 0;
        for (i64 s = 0; s < sequences; s++) sum += partial[s * numbers + i];
        gradient[i < tags ? i : i < 2 * tags ? i - tags : i - 2 * tags] += (S)sum;
    }
}
#define K(S, suffix) \
    KERNEL(crf_add_##suffix, \
           (const double *partial, i64 sequences, i64 tags, S *dfirst, S *dlast, S *dtransitions), \
           crf_add(partial, sequences, tags, dfirst, dlast, dtransitions))
FOR_PARAMETERS(K)
#undef K

// best [rows]: the tags of each sequence with the highest score, scores [sequences]; of several the lower ones. origins
// [rows, tags] is scratch: the best tag before each.
template <typename T>
__device__ void crf_viterbi(const T *emissions, const u32 *ranges, Weights<wide<T>> weights, u32 *origins, u32 *best,
                            double *scores) {
    DYNAMIC_SHARED(double, shared);
    const i64 tags = weights.tags, begin = ranges[2 * blockIdx.x], rows = ranges[2 * blockIdx.x + 1];
    emissions += begin * tags, origins += begin * tags, best += begin;
    double *before = shared, *now = shared + tags;  // [tags] each
    for (i64 row = 0; row < rows; row++) {
        for (i64 to = threadIdx.x; to < tags; to += blockDim.x) {
            double highest = row == 0 ? weights.start(to) : -INFINITY;
            i64 origin = 0;
            for (i64 from = 0; from < tags && row > 0; from++) {
                double value = before[from] + weights.transition(from, to);
                if (value > highest) highest = value, origin = from;
            }
            origins[row * tags + to] = (u32)origin;
            now[to] = highest + (double)widen(emissions[row * tags + to]);
        }
        __syncthreads();
        double *other = before;  // all have read it
        before = now, now = other;
    }
    if (threadIdx.x > 0) return;
    double highest = 0;
    i64 tag = 0;
    for (i64 i = 0; i < tags && rows > 0; i++) {
        double value = before[i] + weights.end(i);
        if (i == 0 || value > highest) highest = value, tag = i;
    }
    scores[blockIdx.x] = highest;
    for (i64 row = rows - 1; row >= 0; row--) {
        best[row] = (u32)tag;
        tag = origins[row * tags + tag];
    }
}
#define K(T, suffix) \
    KERNEL(crf_viterbi_##suffix, \
           (const T *emissions, const u32 *ranges, WEIGHTS(T), u32 *origins, u32 *best, double *scores), \
           crf_viterbi(emissions, ranges, THESE_WEIGHTS(T), origins, best, scores))
FOR_ACTIVATIONS(K)
#undef K
