// What looks at other rows of a sequence: shifts, causal depthwise convolutions, pools, linear recurrences. Columns of
// matrices, whose rows are `*_stride` elements apart; sequences of `length` rows. `offsets` [rows] count from 0 in each
// document; the first row of a sequence begins one in any case.
//
// Launch, without dynamic shared memory:
// conv_weights: grid (ceil(width / 256), parts), blocks of 256; all others: any grid of one dimension, blocks of 256.
#include "common.cuh"

// Rows of the document, before this one, of row `row`.
__device__ inline i64 rows_before(const u32 *offsets, i64 row, i64 length) {
    i64 in_sequence = row % length, in_document = offsets[row];
    return in_sequence < in_document ? in_sequence : in_document;
}

// Whether row `row` + `ahead` is of the document of row `row`.
__device__ inline bool is_followed(const u32 *offsets, i64 row, i64 length, i64 ahead) {
    return row % length + ahead < length && offsets[row + ahead] >= ahead;
}

// *out = x, or *out += x.
template <typename T> __device__ inline void write(T *out, wide<T> x, i64 adds) {
    *out = narrow<T>(adds ? widen(*out) + x : x);
}

// Row i of out is, or gets, row i - distance of x, or i + distance where `back`; 0 where that is of another document.
template <typename T>
__device__ void shift_rows(const T *x, i64 x_stride, const u32 *offsets, i64 rows, i64 length, i64 width, i64 distance,
                           i64 back, T *out, i64 out_stride, i64 adds) {
    for (i64 i = thread_index(); i < rows * width; i += thread_count()) {
        i64 row = i / width, j = i % width;
        bool is_there = back ? is_followed(offsets, row, length, distance)
                             : rows_before(offsets, row, length) >= distance;
        i64 source = back ? row + distance : row - distance;
        write(out + row * out_stride + j, is_there ? widen(x[source * x_stride + j]) : wide<T>(0), adds);
    }
}
#define K(T, suffix) \
    KERNEL(shift_rows_##suffix, \
           (const T *x, i64 x_stride, const u32 *offsets, i64 rows, i64 length, i64 width, i64 distance, i64 back, \
            T *out, i64 out_stride, i64 adds), \
           shift_rows(x, x_stride, offsets, rows, length, width, distance, back, out, out_stride, adds))
FOR_ACTIVATIONS(K)
#undef K

// state [rows, n, width]: the last n rows of x, the oldest first, of which x becomes the last. Returns the oldest.
template <typename T> __device__ inline T push(T *state, i64 n, i64 width, T x) {
    if (n == 0) return x;
    T oldest = state[0];
    for (i64 k = 0; k + 1 < n; k++) state[k * width] = state[(k + 1) * width];
    state[(n - 1) * width] = x;
    return oldest;
}

template <typename T>
__device__ void shift_step(const T *x, i64 x_stride, T *state, i64 rows, i64 width, i64 by, T *out, i64 out_stride) {
    for (i64 i = thread_index(); i < rows * width; i += thread_count()) {
        i64 row = i / width, j = i % width;
        out[row * out_stride + j] = push(state + row * by * width + j, by, width, x[row * x_stride + j]);
    }
}
#define K(T, suffix) \
    KERNEL(shift_step_##suffix, \
           (const T *x, i64 x_stride, T *state, i64 rows, i64 width, i64 by, T *out, i64 out_stride), \
           shift_step(x, x_stride, state, rows, width, by, out, out_stride))
FOR_ACTIVATIONS(K)
#undef K

// out[i, j] = bias[j] + Σ weight[j, kernel - 1 - k] x[i - k, j] over k below `kernel` and rows of the document.
// weight [width, kernel]; bias [width] or null.
template <typename T>
__device__ void conv_forward(const T *x, i64 x_stride, const T *weight, const T *bias, const u32 *offsets, i64 rows,
                             i64 length, i64 width, i64 kernel, T *out, i64 out_stride) {
    for (i64 i = thread_index(); i < rows * width; i += thread_count()) {
        i64 row = i / width, j = i % width, last = rows_before(offsets, row, length);
        wide<T> sum = bias ? widen(bias[j]) : wide<T>(0);
        for (i64 k = 0; k < kernel && k <= last; k++)
            sum += widen(weight[j * kernel + kernel - 1 - k]) * widen(x[(row - k) * x_stride + j]);
        out[row * out_stride + j] = narrow<T>(sum);
    }
}
#define K(T, suffix) \
    KERNEL(conv_forward_##suffix, \
           (const T *x, i64 x_stride, const T *weight, const T *bias, const u32 *offsets, i64 rows, i64 length, \
            i64 width, i64 kernel, T *out, i64 out_stride), \
           conv_forward(x, x_stride, weight, bias, offsets, rows, length, width, kernel, out, out_stride))
FOR_ACTIVATIONS(K)
#undef K

// dx is, or gets, the gradient of x.
template <typename T>
__device__ void conv_backward(const T *dout, i64 dout_stride, const T *weight, const u32 *offsets, i64 rows,
                              i64 length, i64 width, i64 kernel, T *dx, i64 dx_stride, i64 adds) {
    for (i64 i = thread_index(); i < rows * width; i += thread_count()) {
        i64 row = i / width, j = i % width;
        wide<T> sum = 0;
        for (i64 k = 0; k < kernel && is_followed(offsets, row, length, k); k++)
            sum += widen(weight[j * kernel + kernel - 1 - k]) * widen(dout[(row + k) * dout_stride + j]);
        write(dx + row * dx_stride + j, sum, adds);
    }
}
#define K(T, suffix) \
    KERNEL(conv_backward_##suffix, \
           (const T *dout, i64 dout_stride, const T *weight, const u32 *offsets, i64 rows, i64 length, i64 width, \
            i64 kernel, T *dx, i64 dx_stride, i64 adds), \
           conv_backward(dout, dout_stride, weight, offsets, rows, length, width, kernel, dx, dx_stride, adds))
FOR_ACTIVATIONS(K)
#undef K

// partial[part] = the gradients of weight [width, kernel] and bias [width] over the rows part, part + gridDim.y, ...
template <typename T>
__device__ void conv_weights(const T *dout, i64 dout_stride, const T *x, i64 x_stride, const u32 *offsets, i64 rows,
                             i64 length, i64 width, i64 kernel, wide<T> *partial) {
    i64 j = thread_index();
    if (j >= width) return;
    wide<T> *sums = partial + blockIdx.y * (kernel + 1) * width;
    for (i64 k = 0; k <= kernel; k++) {
        wide<T> sum = 0;
        for (i64 row = blockIdx.y; row < rows; row += gridDim.y) {
            if (k == kernel) sum += widen(dout[row * dout_stride + j]);
            else if (k <= rows_before(offsets, row, length))
                sum += widen(dout[row * dout_stride + j]) * widen(x[(row - k) * x_stride + j]);
        }
        sums[k == kernel ? kernel * width + j : j * kernel + kernel - 1 - k] = sum;
    }
}
#define K(T, suffix) \
    KERNEL(conv_weights_##suffix, \
           (const T *dout, i64 dout_stride, const T *x, i64 x_stride, const u32 *offsets, i64 rows, i64 length, \
            i64 width, i64 kernel, wide<T> *partial), \
           conv_weights(dout, dout_stride, x, x_stride, offsets, rows, length, width, kernel, partial))
FOR_ACTIVATIONS(K)
#undef K

// One row of each of some sequences; state [rows, kernel - 1, width].
template <typename T>
__device__ void conv_step(const T *x, i64 x_stride, const T *weight, const T *bias, T *state, i64 rows, i64 width,
                          i64 kernel, T *out, i64 out_stride) {
    for (i64 i = thread_index(); i < rows * width; i += thread_count()) {
        i64 row = i / width, j = i % width;
        T *before = state + row * (kernel - 1) * width + j, now = x[row * x_stride + j];
        wide<T> sum = bias ? widen(bias[j]) : wide<T>(0);
        sum += widen(weight[j * kernel + kernel - 1]) * widen(now);
        for (i64 k = kernel - 2; k >= 0; k--) sum += widen(weight[j * kernel + k]) * widen(before[k * width]);
        push(before, kernel - 1, width, now);
        out[row * out_stride + j] = narrow<T>(sum);
    }
}
#define K(T, suffix) \
    KERNEL(conv_step_##suffix, \
           (const T *x, i64 x_stride, const T *weight, const T *bias, T *state, i64 rows, i64 width, i64 kernel, \
            T *out, i64 out_stride), \
           conv_step(x, x_stride, weight, bias, state, rows, width, kernel, out, out_stride))
FOR_ACTIVATIONS(K)
#undef K

enum Pool { FIRST, LAST, MEAN, SUM };  // as in host/src/ops/pooling

// The rows of a range [first, rows] that a pool takes, from `first` up to before `end`.
struct Taken {
    i64 first, end;
    __device__ Taken(i64 pool, const u32 *range) : first(range[0]), end((i64)range[0] + range[1]) {
        if (pool == FIRST && end > first) end = first + 1;
        if (pool == LAST && end > first) first = end - 1;
    }
    // The factor of each of them.
    template <typename S> __device__ S factor(i64 pool) const {
        return pool == MEAN && end > first ? S(1) / S(end - first) : S(1);
    }
};

// out [vectors, width] is, or gets, one vector for each range of rows of x. ranges [groups, 2], groups = vectors.
template <typename T>
__device__ void pool_gather(i64 pool, const T *x, i64 x_stride, const u32 *ranges, i64 groups, i64 vectors, i64 width,
                            T *out, i64 out_stride, i64 adds) {
    for (i64 i = thread_index(); i < groups * width && i < vectors * width; i += thread_count()) {
        i64 group = i / width, j = i % width;
        Taken taken(pool, ranges + 2 * group);
        wide<T> sum = 0;
        for (i64 row = taken.first; row < taken.end; row++) sum += widen(x[row * x_stride + j]);
        write(out + group * out_stride + j, sum * taken.template factor<wide<T>>(pool), adds);
    }
}
#define K(T, suffix) \
    KERNEL(pool_gather_##suffix, \
           (i64 pool, const T *x, i64 x_stride, const u32 *ranges, i64 groups, i64 vectors, i64 width, T *out, \
            i64 out_stride, i64 adds), \
           pool_gather(pool, x, x_stride, ranges, groups, vectors, width, out, out_stride, adds))
FOR_ACTIVATIONS(K)
#undef K

// Index of the first range that ends after row `row`; they are in order.
__device__ inline i64 first_beyond(const u32 *ranges, i64 groups, i64 row) {
    i64 low = 0, high = groups;
    while (low < high) {
        i64 middle = (low + high) / 2;
        if ((i64)ranges[2 * middle] + ranges[2 * middle + 1] > row) high = middle;
        else low = middle + 1;
    }
    return low;
}

// The transpose: out [rows, width] is, or gets, the vector of its range, where the pool takes the row.
template <typename T>
__device__ void pool_spread(i64 pool, const T *x, i64 x_stride, const u32 *ranges, i64 groups, i64 rows, i64 width,
                            T *out, i64 out_stride, i64 adds) {
    for (i64 i = thread_index(); i < rows * width; i += thread_count()) {
        i64 row = i / width, j = i % width, group = first_beyond(ranges, groups, row);
        wide<T> value = 0;
        if (group < groups) {
            Taken taken(pool, ranges + 2 * group);
            if (taken.first <= row && row < taken.end)
                value = widen(x[group * x_stride + j]) * taken.template factor<wide<T>>(pool);
        }
        write(out + row * out_stride + j, value, adds);
    }
}
#define K(T, suffix) \
    KERNEL(pool_spread_##suffix, \
           (i64 pool, const T *x, i64 x_stride, const u32 *ranges, i64 groups, i64 rows, i64 width, T *out, \
            i64 out_stride, i64 adds), \
           pool_spread(pool, x, x_stride, ranges, groups, rows, width, out, out_stride, adds))
FOR_ACTIVATIONS(K)
#undef K

// out[k, index[i]] += the sum of the weights of all rows of range k with the index of row i, which is the first of them.
// weights [rows] or null, for 1 each; ranges [groups, 2]. Each number has one thread, which adds in the order of rows.
template <typename T>
__device__ void bag(const u32 *index, const float *weights, const u32 *ranges, i64 groups, i64 rows, i64 width, T *out) {
    for (i64 i = thread_index(); i < rows; i += thread_count()) {
        i64 group = first_beyond(ranges, groups, i);
        if (group == groups || ranges[2 * group] > i) continue;
        i64 first = ranges[2 * group], end = first + ranges[2 * group + 1], row = first;
        while (index[row] != index[i]) row++;
        if (row < i) continue;
        wide<T> sum = 0;
        for (; row < end; row++)
            if (index[row] == index[i]) sum += weights ? wide<T>(weights[row]) : wide<T>(1);
        T *to = out + group * width + index[i];
        *to = narrow<T>(widen(*to) + sum);
    }
}
#define K(T, suffix) \
    KERNEL(bag_##suffix, \
           (const u32 *index, const float *weights, const u32 *ranges, i64 groups, i64 rows, i64 width, T *out), \
           bag(index, weights, ranges, groups, rows, width, out))
FOR_ACTIVATIONS(K)
#undef K

// out[i] = a[i] out[i - 1] + b[i], with 0 before each document. A thread takes a column of a sequence.
template <typename T>
__device__ void scan_forward(const T *a, i64 a_stride, const T *b, i64 b_stride, const u32 *offsets, i64 sequences,
                             i64 length, i64 width, T *out, i64 out_stride) {
    for (i64 i = thread_index(); i < sequences * width; i += thread_count()) {
        i64 first = i / width * length, j = i % width;
        wide<T> h = 0;
        for (i64 row = first; row < first + length; row++) {
            if (offsets[row] == 0) h = 0;
            h = widen(a[row * a_stride + j]) * h + widen(b[row * b_stride + j]);
            out[row * out_stride + j] = narrow<T>(h);
        }
    }
}
#define K(T, suffix) \
    KERNEL(scan_forward_##suffix, \
           (const T *a, i64 a_stride, const T *b, i64 b_stride, const u32 *offsets, i64 sequences, i64 length, \
            i64 width, T *out, i64 out_stride), \
           scan_forward(a, a_stride, b, b_stride, offsets, sequences, length, width, out, out_stride))
FOR_ACTIVATIONS(K)
#undef K

// da and db are, or get, the gradients of a and b; h is what the forward wrote.
template <typename T>
__device__ void scan_backward(const T *dout, i64 dout_stride, const T *a, i64 a_stride, const u32 *offsets,
                              i64 sequences, i64 length, i64 width, const T *h, i64 h_stride, T *da, i64 da_stride,
                              i64 da_adds, T *db, i64 db_stride, i64 db_adds) {
    for (i64 i = thread_index(); i < sequences * width; i += thread_count()) {
        i64 first = i / width * length, j = i % width;
        wide<T> carry = 0;
        for (i64 row = first + length - 1; row >= first; row--) {
            bool begins = row == first || offsets[row] == 0;
            carry += widen(dout[row * dout_stride + j]);
            write(da + row * da_stride + j, begins ? wide<T>(0) : carry * widen(h[(row - 1) * h_stride + j]), da_adds);
            write(db + row * db_stride + j, carry, db_adds);
            carry = begins ? wide<T>(0) : carry * widen(a[row * a_stride + j]);
        }
    }
}
#define K(T, suffix) \
    KERNEL(scan_backward_##suffix, \
           (const T *dout, i64 dout_stride, const T *a, i64 a_stride, const u32 *offsets, i64 sequences, i64 length, \
            i64 width, const T *h, i64 h_stride, T *da, i64 da_stride, i64 da_adds, T *db, i64 db_stride, \
            i64 db_adds), \
           scan_backward(dout, dout_stride, a, a_stride, offsets, sequences, length, width, h, h_stride, da, \
                         da_stride, da_adds, db, db_stride, db_adds))
FOR_ACTIVATIONS(K)
#undef K

// One row of each of some sequences; state [rows, width].
template <typename T>
__device__ void scan_step(const T *a, i64 a_stride, const T *b, i64 b_stride, T *state, i64 rows, i64 width, T *out,
                          i64 out_stride) {
    for (i64 i = thread_index(); i < rows * width; i += thread_count()) {
        i64 row = i / width, j = i % width;
        state[i] = narrow<T>(widen(a[row * a_stride + j]) * widen(state[i]) + widen(b[row * b_stride + j]));
        out[row * out_stride + j] = state[i];
    }
}
#define K(T, suffix) \
    KERNEL(scan_step_##suffix, \
           (const T *a, i64 a_stride, const T *b, i64 b_stride, T *state, i64 rows, i64 width, T *out, \
            i64 out_stride), \
           scan_step(a, a_stride, b, b_stride, state, rows, width, out, out_stride))
FOR_ACTIVATIONS(K)
#undef K
